//! A process of the `fritzy` binary. It is killed when the test that started it ends.

use std::io::{self, BufRead as _, BufReader, PipeReader, PipeWriter};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::child::ChildProcess;
use crate::error::ServiceError;
use crate::processes::Signal;
use crate::run::append_to;

/// A node that has not started or exited within this time never will: debug builds on busy machines
/// need seconds.
pub const NODE_TIME_MAX: Duration = Duration::from_secs(60);

/// A running process, killed when dropped. All waits block the thread, each within a limit. In a
/// failing test, the end of its log (its stderr) is printed.
#[derive(Debug)]
pub struct NodeProcess {
    child: ChildProcess,
    /// Nothing is read before the first line is requested.
    unread: Option<(PipeReader, Sender<String>)>,
    lines: Receiver<String>,
    /// Lines that were read already.
    stdout: String,
    /// The workspace that the process runs in, which is removed after it.
    _dir: Option<Arc<TempDir>>,
}

/// A process that has exited by itself.
#[derive(Debug)]
pub struct ExitedProcess {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl NodeProcess {
    /// Starts a command with its stdout piped and its stderr appended to the file `log`.
    ///
    /// # Errors
    /// When the program cannot be started, or `log` not be written.
    pub fn spawn(command: &mut Command, log: &Path) -> Result<Self, ServiceError> {
        let pipe = io::pipe().map_err(|source| ServiceError::Io {
            what: "open a pipe".to_owned(),
            source,
        })?;
        Self::spawn_with(command, log, pipe, None)
    }

    /// [`Self::spawn`] with this pipe for stdout, in a directory that is kept while it runs.
    pub(super) fn spawn_with(
        command: &mut Command,
        log: &Path,
        (reader, writer): (PipeReader, PipeWriter),
        dir: Option<Arc<TempDir>>,
    ) -> Result<Self, ServiceError> {
        let child = ChildProcess::spawn_with(command, log, writer, append_to(log)?)?;
        let (sender, lines) = mpsc::channel();
        Ok(Self {
            child,
            unread: Some((reader, sender)),
            lines,
            stdout: String::new(),
            _dir: dir,
        })
    }

    /// The process id, even after the process has exited.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// The address of the node's API, which it prints on stdout once it listens.
    ///
    /// # Panics
    /// When it exits, or does not print the address within [`NODE_TIME_MAX`].
    pub fn address(&mut self) -> SocketAddr {
        let address = self.try_address(NODE_TIME_MAX);
        address.unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// [`Self::address`] for callers that must not panic.
    ///
    /// # Errors
    /// When the process exits, or does not print the address within `limit`. The error shows the end
    /// of the log.
    pub fn try_address(&mut self, limit: Duration) -> Result<SocketAddr, ServiceError> {
        self.read_until("the node's address", limit, |stdout| {
            let port = port_in(stdout)?;
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        })
    }

    /// Waits until stdout contains `part`.
    ///
    /// # Panics
    /// When it does not within `limit`.
    pub fn wait_for_stdout(&mut self, part: &str, limit: Duration) {
        let found = self.read_until(part, limit, |stdout| stdout.contains(part).then_some(()));
        found.unwrap_or_else(|failure| panic!("{failure}"));
    }

    /// Waits for the next line of stdout.
    ///
    /// # Panics
    /// When none is printed within `limit`.
    pub fn wait_for_line(&mut self, limit: Duration) {
        let before = self.stdout.len();
        let found = self.read_until("another line", limit, |stdout| {
            (stdout.len() > before).then_some(())
        });
        found.unwrap_or_else(|failure| panic!("{failure}"));
    }

    /// The stdout that was read so far: by [`Self::address`], or by one of the waits.
    #[must_use]
    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    /// The stderr so far.
    ///
    /// # Panics
    /// When the log file is gone, or not UTF-8.
    #[must_use]
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// The last lines of [`Self::log`].
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.child.log_tail()
    }

    /// Sends SIGTERM without waiting for the end.
    pub fn terminate(&self) {
        self.send(Signal::TERM);
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.send(Signal::INT);
    }

    /// Sends SIGHUP, as a terminal that closes does.
    pub fn hang_up(&self) {
        self.send(Signal::HUP);
    }

    /// Stops the process where it is (SIGSTOP).
    pub fn pause(&self) {
        self.send(Signal::STOP);
    }

    /// Lets a paused process continue (SIGCONT).
    pub fn resume(&self) {
        self.send(Signal::CONT);
    }

    fn send(&self, signal: Signal) {
        self.child.send(signal);
    }

    /// Kills the process (SIGKILL) and waits for its end.
    pub fn kill(self) {
        drop(self);
    }

    /// Waits until the process has exited by itself.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    pub fn wait_exit(self, limit: Duration) -> ExitedProcess {
        let exited = self.try_wait_exit(limit);
        exited.unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// [`Self::wait_exit`] for callers that must not panic. The process is killed if it still runs.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn try_wait_exit(mut self, limit: Duration) -> Result<ExitedProcess, ServiceError> {
        let deadline = Instant::now() + limit;
        // Stdout closes when the process exits, so nothing has to be polled.
        loop {
            match self.read_line(deadline) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(self.late("the exit of the process", limit));
                }
            }
        }
        let status = self.child.wait();
        Ok(ExitedProcess {
            code: status.code(),
            stdout: std::mem::take(&mut self.stdout),
            stderr: self.log(),
        })
    }

    fn read_until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ServiceError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = find(&self.stdout) {
                return Ok(found);
            }
            match self.read_line(deadline) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => return Err(self.late(what, limit)),
                Err(RecvTimeoutError::Disconnected) => {
                    let detail = format!("stdout {:?}, log:\n{}", self.stdout, self.log_tail());
                    let what = format!("waiting for {what}: the process exited; it");
                    return Err(ServiceError::failed(what, detail));
                }
            }
        }
    }

    fn read_line(&mut self, deadline: Instant) -> Result<(), RecvTimeoutError> {
        if let Some((reader, sender)) = self.unread.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(reader).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(left)?;
        self.stdout.push_str(&line);
        self.stdout.push('\n');
        Ok(())
    }

    fn late(&self, what: &str, limit: Duration) -> ServiceError {
        let (stdout, log) = (&self.stdout, self.log_tail());
        ServiceError::TooLate {
            what: format!("{what} (stdout {stdout:?}, log:\n{log}\n)"),
            limit,
        }
    }
}

/// The port in a line such as `API      http://localhost:8000/graphql`.
fn port_in(stdout: &str) -> Option<u16> {
    let (_, rest) = stdout.split_once("http://localhost:")?;
    rest.split_once('/')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processes::Process;

    fn shell(script: &str) -> (tempfile::TempDir, NodeProcess) {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        let process = NodeProcess::spawn(command.args(["-c", script]), &dir.path().join("log"));
        (dir, process.unwrap())
    }

    #[test]
    fn process_prints_address_and_exits_in_order() {
        let script = "trap 'echo bye; exit 3' TERM; echo API http://localhost:4711/graphql; \
                      echo serving >&2; while :; do sleep 0.01; done";
        let (_dir, mut process) = shell(script);
        assert_eq!(process.address().port(), 4711);
        process.terminate();
        let exited = process.wait_exit(NODE_TIME_MAX);
        assert_eq!(
            (exited.code, exited.stderr.as_str()),
            (Some(3), "serving\n")
        );
        assert!(exited.stdout.ends_with("/graphql\nbye\n"), "{exited:?}");
    }

    #[test]
    fn process_that_exits_early_reports_its_log() {
        let (_dir, mut process) = shell("echo no such data >&2; exit 1");
        let failure = process.try_address(NODE_TIME_MAX).unwrap_err().to_string();
        assert!(failure.contains("no such data"), "{failure}");
    }

    #[test]
    fn dropped_process_is_killed() {
        let (_dir, process) = shell("exec sleep 3600");
        let pid = Process(process.pid());
        drop(process);
        assert!(pid.is_gone());
    }
}
