//! Lines on their way to stderr. Adding one never waits: what has no room is dropped and counted.
//!
//! `tracing-appender` does not fit: at a full queue its end prints to stdout, which may block or
//! panic; it neither counts lines that fail to be written, nor bounds the bytes of its queue.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use super::line::LineFormat;

/// Lines that may wait: at `--log debug`, three seconds of 5 000 requests per second.
pub(super) const LINES_MAX: usize = 16_384;
/// Bytes of lines that may wait: as many lines of 512 bytes, which is more than most have.
pub(super) const BYTES_MAX: usize = 8 << 20;

/// A bounded queue of lines, from any thread to the one that writes them.
pub(super) struct LineQueue {
    format: LineFormat,
    dropped: Counter,
    state: Mutex<State>,
    /// The queue has something for the writer.
    added: Condvar,
    /// The writer has written all.
    written: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<QueuedLine>,
    /// Bytes of the waiting lines.
    bytes: usize,
    /// Lines dropped since the last one that was added.
    dropped: u64,
    /// The writer waits for lines: it has written all that it took.
    is_writer_idle: bool,
    /// Somebody waited in vain, and the writer has finished no line since.
    is_stuck: bool,
}

/// A line for the writer.
pub(super) struct QueuedLine {
    /// Lines dropped between the previous one and this one.
    pub(super) dropped_before: u64,
    /// With its line break. Empty if there is only a number of dropped lines to report.
    pub(super) text: Box<[u8]>,
}

impl State {
    fn has_room(&self, bytes: usize) -> bool {
        // Once lines are dropped, half of the room must be free before others are added: a slow
        // reader gets stretches of the log without gaps.
        let part = if self.dropped > 0 { 2 } else { 1 };
        self.waiting.len() < LINES_MAX / part && self.bytes + bytes <= BYTES_MAX / part
    }

    fn is_written(&self) -> bool {
        self.is_writer_idle && self.waiting.is_empty() && self.dropped == 0
    }
}

impl LineQueue {
    pub(super) fn new(format: LineFormat, dropped: Counter) -> Self {
        Self {
            format,
            dropped,
            state: Mutex::default(),
            added: Condvar::new(),
            written: Condvar::new(),
        }
    }

    pub(super) const fn format(&self) -> LineFormat {
        self.format
    }

    /// Counts lines that are lost.
    pub(super) const fn dropped(&self) -> &Counter {
        &self.dropped
    }

    /// Adds a line with its line break, or drops it. Never waits for the writer.
    pub(super) fn push(&self, line: &[u8]) {
        let text: Box<[u8]> = self.format.cut(line).into();
        let mut state = self.lock();
        if !state.has_room(text.len()) {
            state.dropped += 1;
            drop(state);
            self.dropped.inc();
            return;
        }
        state.bytes += text.len();
        let dropped_before = std::mem::take(&mut state.dropped);
        state.waiting.push_back(QueuedLine {
            dropped_before,
            text,
        });
        let wakes = state.is_writer_idle;
        drop(state);
        if wakes {
            self.added.notify_one();
        }
    }

    /// Waits for the next line. The line returned before counts as written.
    pub(super) fn next(&self) -> QueuedLine {
        let mut state = self.lock();
        state.is_stuck = false;
        loop {
            if let Some(line) = state.waiting.pop_front() {
                state.bytes -= line.text.len();
                state.is_writer_idle = false;
                return line;
            }
            if state.dropped > 0 {
                state.is_writer_idle = false;
                return QueuedLine {
                    dropped_before: std::mem::take(&mut state.dropped),
                    text: Box::default(),
                };
            }
            state.is_writer_idle = true;
            self.written.notify_all();
            let woken = self.added.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether a wait has ended without all lines written, and none has been written since.
    pub(super) fn is_stuck(&self) -> bool {
        self.lock().is_stuck
    }

    /// Waits until all lines are written, at most `limit`.
    pub(super) fn wait_written(&self, limit: Duration) {
        let state = self.lock();
        let is_missing = |state: &mut State| !state.is_written();
        let waited = self.written.wait_timeout_while(state, limit, is_missing);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_stuck |= timeout.timed_out();
    }

    /// No code that holds the lock panics; if one did, logging would still go on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each write is a line, as tracing's formatter makes them.
impl io::Write for &LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
