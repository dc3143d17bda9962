//! A child process with a log: killed with the value that stands for it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::error::ServiceError;
use crate::processes::{Process, Signal};
use crate::run::append_to;

/// How much of a log an error shows.
const LOG_LINES_SHOWN: usize = 40;

/// A running child process, killed when dropped. In a failing test, the end of its log is printed.
#[derive(Debug)]
pub struct ChildProcess {
    child: Child,
    log: PathBuf,
}

impl ChildProcess {
    /// Starts a command with both of its outputs appended to the file `log`.
    ///
    /// # Errors
    /// When the program cannot be started, or `log` not be written.
    pub fn spawn(command: &mut Command, log: &Path) -> Result<Self, ServiceError> {
        let (stdout, stderr) = (append_to(log)?, append_to(log)?);
        Self::spawn_with(command, log, stdout, stderr)
    }

    /// [`Self::spawn`] with these outputs. `log` is the file that is shown as the log, even if
    /// neither of them writes to it.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn_with(
        command: &mut Command,
        log: &Path,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Result<Self, ServiceError> {
        let program = PathBuf::from(command.get_program());
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(ServiceError::io("start", &program))?;
        // The command holds its ends of pipes, which must close when the process exits.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// The process id, even after the process has exited.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM without waiting for the end.
    pub fn terminate(&self) {
        self.send(Signal::TERM);
    }

    /// Stops the process where it is (SIGSTOP).
    pub fn pause(&self) {
        self.send(Signal::STOP);
    }

    /// Lets a paused process continue (SIGCONT).
    pub fn resume(&self) {
        self.send(Signal::CONT);
    }

    pub(super) fn send(&self, signal: Signal) {
        Process(self.pid()).signal(signal);
    }

    /// Sends SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        // Both succeed on a child of this process, exited or not.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// How the process ended; `None` while it runs.
    pub fn try_exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of this process")
    }

    /// Waits for the end, without a limit.
    pub(super) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a child of this process")
    }

    /// The log so far.
    ///
    /// # Panics
    /// When the log file is gone, or not UTF-8.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log in UTF-8")
    }

    /// The last lines of [`Self::log`].
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log())
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = std::fs::read(&self.log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let end = format!("--- end of {}\n{}\n", self.log.display(), tail(&log));
            drop(io::stderr().write_all(end.as_bytes()));
        }
    }
}

/// The last lines of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wait::wait_until;

    #[test]
    fn exit_and_both_outputs_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let mut process = ChildProcess::spawn(&mut command, &log).unwrap();
        let limit = Duration::from_secs(60);
        wait_until("its exit", limit, || process.try_exit().is_some());
        assert_eq!(process.try_exit().unwrap().code(), Some(3));
        assert_eq!(process.log(), "out\nerr\n");
    }
}
