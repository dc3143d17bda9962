//! The pipe that a node writes its log to, with a reader that can stop.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::fs::OFlags;

/// What the reader takes at once.
const CHUNK_BYTES: usize = 4_096;
/// The flag as `open(2)` takes it: its bits fit.
const NONBLOCK: i32 = OFlags::NONBLOCK.bits() as i32;

/// Copies a log from a pipe into a file. It ends when the writing process does.
#[derive(Debug)]
pub(crate) struct LogPipe {
    /// The reading end once more, to find the pipe by. Whether the log has ended is decided by its
    /// writers alone.
    pipe: PipeReader,
    reading: Arc<Reading>,
}

#[derive(Debug, Default)]
struct Reading {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Reading {
    /// A panic under this lock leaves nothing half done: the flag is replaced.
    fn stopped(&self) -> MutexGuard<'_, bool> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_stopped(&self, stopped: bool) {
        *self.stopped() = stopped;
        self.changed.notify_all();
    }

    fn wait_allowed(&self) {
        let stopped = self.stopped();
        let waited = self.changed.wait_while(stopped, |stopped| *stopped);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl LogPipe {
    /// A pipe whose content is appended to a file, and its writing end.
    pub(crate) fn into_file(log: &Path) -> io::Result<(Self, PipeWriter)> {
        let (mut reader, writer) = io::pipe()?;
        let mut file = OpenOptions::new().create(true).append(true).open(log)?;
        let (pipe, reading) = (reader.try_clone()?, Arc::new(Reading::default()));
        thread::spawn({
            let reading = reading.clone();
            move || {
                let mut chunk = [0; CHUNK_BYTES];
                loop {
                    reading.wait_allowed();
                    match reader.read(&mut chunk) {
                        Ok(0) | Err(_) => return,
                        Ok(read) => drop(file.write_all(&chunk[..read])),
                    }
                }
            }
        });
        Ok((Self { pipe, reading }, writer))
    }

    /// Stops reading, and fills the pipe with blank lines.
    pub(crate) fn fill(&self) -> io::Result<()> {
        self.reading.set_stopped(true);
        // The flag belongs to an open file: the node's own must keep blocking.
        let mut pipe = OpenOptions::new()
            .write(true)
            .custom_flags(NONBLOCK)
            .open(format!("/proc/self/fd/{}", self.pipe.as_raw_fd()))?;
        loop {
            match pipe.write(b"\n") {
                Ok(_) => {}
                Err(failure) if failure.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Reads on.
    pub(crate) fn drain(&self) {
        self.reading.set_stopped(false);
    }
}

impl Drop for LogPipe {
    fn drop(&mut self) {
        self.drain();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fritzy_testbed::wait_until;

    use super::*;

    #[test]
    fn full_pipe_loses_nothing_and_drains() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let (pipe, mut writer) = LogPipe::into_file(&log).unwrap();
        writer.write_all(b"before\n").unwrap();
        pipe.fill().unwrap();
        // The reader may take one more chunk after it was stopped.
        let late = thread::spawn(move || writer.write_all(&[b'x'; 2 * CHUNK_BYTES]));
        thread::sleep(Duration::from_millis(100));
        assert!(!late.is_finished(), "there is no room");
        pipe.drain();
        late.join().unwrap().unwrap();
        let copied = || std::fs::read_to_string(&log).unwrap_or_default();
        wait_until("all is copied", Duration::from_secs(60), || {
            copied().ends_with(&"x".repeat(2 * CHUNK_BYTES))
        });
        assert!(copied().starts_with("before\n"));
    }
}
