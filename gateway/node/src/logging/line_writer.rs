//! Writes lines to stderr, each whole or not at all where possible, and reports the missing ones.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use serde_json::json;

use super::line::LineFormat;
use super::line_queue::{LineQueue, QueuedLine};

/// Pause before another attempt at a full sink in non-blocking mode: it takes a pipe of 64 KiB per
/// pause.
const RETRY_AFTER: Duration = Duration::from_millis(20);

/// Writes lines to a sink. A line that fails is dropped and counted; the next one is tried.
pub(super) struct LineWriter<W> {
    sink: W,
    format: LineFormat,
    dropped: Counter,
    /// Dropped lines that no line of the log reports so far.
    unreported: u64,
    /// The sink ends with a part of a line.
    is_torn: bool,
}

impl<W: io::Write> LineWriter<W> {
    /// Counts lines together with `queue`.
    pub(super) fn new(sink: W, queue: &LineQueue) -> Self {
        Self {
            sink,
            format: queue.format(),
            dropped: queue.dropped().clone(),
            unreported: 0,
            is_torn: false,
        }
    }

    /// Writes a line. Before it, the number of lines dropped since the last written one.
    pub(super) fn write(&mut self, line: &QueuedLine) {
        self.unreported += line.dropped_before;
        if self.try_write(&line.text).is_err() && !line.text.is_empty() {
            self.unreported += 1;
            self.dropped.inc();
        }
    }

    fn try_write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.unreported > 0 {
            let fields = [("lines", json!(self.unreported))];
            let report = self.format.line("WARN", "log lines were dropped", &fields);
            self.write_line(&report)?;
            self.unreported = 0;
        }
        self.write_line(text)
    }

    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.write_all(b"\n")?;
            self.is_torn = false;
        }
        self.write_all(line)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            let failure = match self.sink.write(left) {
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(written) => {
                    left = &left[written..];
                    continue;
                }
                Err(failure) => failure,
            };
            match failure.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => thread::sleep(RETRY_AFTER),
                _ => {
                    self.is_torn |= left.len() < bytes.len();
                    return Err(failure);
                }
            }
        }
        Ok(())
    }
}
