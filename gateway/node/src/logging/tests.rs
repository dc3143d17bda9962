//! Sinks that block, fail, or take parts of a line.

use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use serde_json::Value;

use super::line::{LINE_BYTES_MAX, LineFormat};
use super::line_queue::{BYTES_MAX, LINES_MAX, LineQueue, QueuedLine};
use super::line_writer::LineWriter;
use super::spawn_writer;

/// Longer than any wait that succeeds.
const LONG: Duration = Duration::from_secs(60);

fn queue(format: LineFormat) -> Arc<LineQueue> {
    Arc::new(LineQueue::new(format, Counter::default()))
}

fn line(text: &str) -> QueuedLine {
    QueuedLine {
        dropped_before: 0,
        text: text.as_bytes().into(),
    }
}

/// What a sink does with one write.
enum Step {
    /// Takes at most so many bytes.
    Take(usize),
    Fail(ErrorKind),
}

/// Performs its steps, then takes everything.
#[derive(Clone, Default)]
struct ScriptedSink {
    written: Arc<Mutex<Vec<u8>>>,
    steps: Arc<Mutex<Vec<Step>>>,
}

impl ScriptedSink {
    fn then(&self, steps: impl IntoIterator<Item = Step>) {
        let mut all: Vec<Step> = steps.into_iter().collect();
        all.reverse();
        *self.steps.lock().unwrap() = all;
    }

    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

impl Write for ScriptedSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = match self.steps.lock().unwrap().pop() {
            None => bytes.len(),
            Some(Step::Take(most)) => most.min(bytes.len()),
            Some(Step::Fail(kind)) => return Err(kind.into()),
        };
        self.written.lock().unwrap().extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Blocks in each write until the test permits it.
struct BlockingSink {
    permits: Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl BlockingSink {
    fn new() -> (Self, SyncSender<()>, Arc<Mutex<Vec<u8>>>) {
        let (permit, permits) = sync_channel(4 * LINES_MAX);
        let written = Arc::default();
        let sink = Self {
            permits,
            written: Arc::clone(&written),
        };
        (sink, permit, written)
    }
}

impl Write for BlockingSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.permits.recv();
        self.written.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn sink_that_fails_loses_only_lines_of_that_time() {
    let (queue, sink) = (queue(LineFormat::Text), ScriptedSink::default());
    let mut writer = LineWriter::new(sink.clone(), &queue);
    writer.write(&line("one\n"));
    for kind in [ErrorKind::BrokenPipe, ErrorKind::StorageFull] {
        sink.then([Step::Fail(kind)]);
        writer.write(&line("lost\n"));
    }
    sink.then([Step::Take(0)]);
    writer.write(&line("lost\n"));
    assert_eq!(queue.dropped().get(), 3);
    writer.write(&line("two\n"));
    writer.write(&line("three\n"));
    let text = sink.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(
        lines[1].ends_with("log lines were dropped lines=3"),
        "{text}"
    );
    assert_eq!([lines[0], lines[2], lines[3]], ["one", "two", "three"]);
    assert_eq!(queue.dropped().get(), 3);
}

#[test]
fn line_after_a_torn_one_begins_on_its_own_line() {
    let (queue, sink) = (queue(LineFormat::Json), ScriptedSink::default());
    let mut writer = LineWriter::new(sink.clone(), &queue);
    let full = || Step::Fail(ErrorKind::StorageFull);
    sink.then([Step::Take(2), full(), full(), Step::Take(1), full()]);
    // Torn; not even the line break; the line break only.
    for text in ["torn\n", "lost\n", "lost\n"] {
        writer.write(&line(text));
    }
    writer.write(&line("whole\n"));
    let text = sink.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!([lines[0], lines[2]], ["to", "whole"], "{text}");
    let report: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(report["lines"], 3, "{text}");
    assert_eq!(queue.dropped().get(), 3);
}

#[test]
fn short_or_interrupted_writes_lose_nothing() {
    let (queue, sink) = (queue(LineFormat::Text), ScriptedSink::default());
    let mut writer = LineWriter::new(sink.clone(), &queue);
    sink.then([
        Step::Take(1),
        Step::Fail(ErrorKind::Interrupted),
        Step::Take(1),
        Step::Fail(ErrorKind::WouldBlock),
    ]);
    writer.write(&line("whole\n"));
    assert_eq!(
        (sink.text().as_str(), queue.dropped().get()),
        ("whole\n", 0)
    );
}

#[test]
fn full_queue_drops_and_reports_in_place() {
    let queue = queue(LineFormat::Text);
    let (sink, permit, written) = BlockingSink::new();
    for n in 0..LINES_MAX + 5 {
        queue.push(format!("{n}\n").as_bytes());
    }
    assert_eq!(queue.dropped().get(), 5, "nothing is written so far");
    // Until half of the room is free, a slow reader would get a gap at every other line.
    for _ in 0..LINES_MAX / 2 {
        queue.next();
        queue.push(b"lost\n");
    }
    assert_eq!(queue.dropped().get(), 5 + LINES_MAX as u64 / 2);
    queue.next();
    queue.push(b"after\n");
    spawn_writer(&queue, sink).unwrap();
    for _ in 0..LINES_MAX {
        permit.send(()).unwrap();
    }
    queue.wait_written(LONG);
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    let mut lines = text.lines().rev();
    assert_eq!(lines.next(), Some("after"));
    let report = lines.next().unwrap();
    let dropped = queue.dropped().get();
    assert!(report.ends_with(&format!("lines={dropped}")), "{report}");
    assert_eq!(lines.next(), Some(format!("{}", LINES_MAX - 1).as_str()));
}

#[test]
fn dropped_lines_are_reported_without_another_line() {
    let (queue, sink) = (queue(LineFormat::Text), ScriptedSink::default());
    for _ in 0..=LINES_MAX {
        queue.push(b"x\n");
    }
    spawn_writer(&queue, sink.clone()).unwrap();
    queue.wait_written(LONG);
    let text = sink.text();
    assert!(text.ends_with("log lines were dropped lines=1\n"), "{text}");
}

#[test]
fn queue_is_bounded_in_bytes() {
    let queue = queue(LineFormat::Text);
    let long = [b'x'; LINE_BYTES_MAX];
    let room = BYTES_MAX / LINE_BYTES_MAX;
    for _ in 0..room + 3 {
        queue.push(&long);
    }
    assert_eq!(queue.dropped().get(), 3);
}

#[test]
fn too_long_line_is_cut_and_stays_a_line() {
    for format in [LineFormat::Json, LineFormat::Text] {
        let queue = queue(format);
        // Bytes that JSON escapes.
        queue.push(format!("{{{}\"\n", "é\"\\".repeat(LINE_BYTES_MAX)).as_bytes());
        let cut = String::from_utf8(queue.next().text.into()).unwrap();
        assert!(cut.len() < LINE_BYTES_MAX + 500, "{}", cut.len());
        assert_eq!(cut.find('\n'), Some(cut.len() - 1));
        assert!(cut.contains("a log line was too long"));
        if format == LineFormat::Json {
            let cut: Value = serde_json::from_str(&cut).unwrap();
            assert_eq!(cut["bytes"], 4 * LINE_BYTES_MAX + 3);
        }
    }
}

#[test]
fn end_waits_for_a_slow_sink_but_not_for_a_stuck_one() {
    const LINES: usize = 100;
    let queue = queue(LineFormat::Text);
    let (sink, permit, written) = BlockingSink::new();
    spawn_writer(&queue, sink).unwrap();
    for _ in 0..LINES {
        queue.push(b"x\n");
    }
    let began = Instant::now();
    queue.wait_written(Duration::from_millis(50));
    let waited = began.elapsed();
    assert!(queue.is_stuck() && waited < LONG / 2, "{waited:?}");
    let slow = std::thread::spawn(move || {
        for _ in 0..LINES {
            std::thread::yield_now();
            permit.send(()).unwrap();
        }
    });
    queue.wait_written(LONG);
    assert!(!queue.is_stuck());
    assert_eq!(written.lock().unwrap().len(), 2 * LINES);
    slow.join().unwrap();
}
