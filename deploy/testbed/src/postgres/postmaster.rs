//! The running process of a server: starting, stopping, killing and pausing it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::ServiceError;
use crate::processes::{Process, Signal};
use crate::run;
use crate::wait::poll_until;

/// Until it accepts connections: after a crash, it replays its log first.
const READY_MAX: Duration = Duration::from_secs(120);

/// Until it has stopped: a fast shutdown writes a checkpoint first.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Until a signal that cannot be blocked has taken effect in every process; one that waits for a
/// disk takes it later.
const SIGNAL_MAX: Duration = Duration::from_secs(30);

/// How much of the log an error shows.
const LOG_LINES_SHOWN: usize = 12;

/// The line of `postmaster.pid` with the server's status.
const STATUS_LINE: usize = 7;

/// The postmaster of a server, while it runs.
#[derive(Debug)]
pub(super) struct Postmaster {
    data_dir: PathBuf,
    log: PathBuf,
    process: Mutex<Option<Child>>,
}

impl Postmaster {
    /// None yet, for a server with this data and this log.
    pub(super) const fn none(data_dir: PathBuf, log: PathBuf) -> Self {
        Self {
            data_dir,
            log,
            process: Mutex::new(None),
        }
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Its process id; `None` while it is stopped.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Child::id)
    }

    /// Hands out the process, which is then no longer known here.
    pub(super) fn take(&self) -> Option<Child> {
        self.process().take()
    }

    /// A panic under this lock leaves nothing half done: the process is replaced whole.
    fn process(&self) -> MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills all of its processes (`SIGKILL`) without a chance to close connections.
    ///
    /// # Errors
    /// When it does not run, or its processes still exist after 60 s.
    pub(super) fn kill(&self) -> Result<(), ServiceError> {
        // Paused processes start no further ones.
        let processes = self.pause_all()?;
        for process in &processes {
            process.signal(Signal::KILL);
        }
        self.wait_for_the_end()?;
        gone(&processes)
    }

    /// Pauses all of its processes (`SIGSTOP`). Its connections stay open, and the system accepts
    /// new ones that nobody serves.
    ///
    /// # Errors
    /// When it does not run, or does not pause within 30 s.
    pub(super) fn pause(&self) -> Result<(), ServiceError> {
        self.pause_all().map(drop)
    }

    /// Resumes a paused server (`SIGCONT`).
    ///
    /// # Errors
    /// When it does not run.
    pub(super) fn resume(&self) -> Result<(), ServiceError> {
        for process in self.processes()? {
            process.signal(Signal::CONT);
        }
        Ok(())
    }

    /// Starts it on this port. `command` is `postgres`, run as the server's user.
    ///
    /// # Errors
    /// When it does not accept connections within 120 s; [`ServiceError::Failed`] when it ends.
    pub(super) fn launch(&self, mut command: Command, port: u16) -> Result<(), ServiceError> {
        let (log, err) = (run::append_to(&self.log)?, run::append_to(&self.log)?);
        command
            .arg("-D")
            .arg(&self.data_dir)
            .args(["-p", &port.to_string()])
            // Ctrl-C in a terminal is for the program that owns it, which then ends the server.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(err);
        let mut postmaster = command.spawn().map_err(|source| ServiceError::Io {
            what: "start postgres".to_owned(),
            source,
        })?;
        let ready = self.wait_until_ready(&mut postmaster);
        if ready.is_err() {
            // Both succeed on a child of this process.
            drop(postmaster.kill());
            drop(postmaster.wait());
        } else {
            *self.process() = Some(postmaster);
        }
        ready
    }

    fn wait_until_ready(&self, postmaster: &mut Child) -> Result<(), ServiceError> {
        let mut ended = None;
        let ready = poll_until(READY_MAX, || {
            ended = postmaster.try_wait().ok().flatten();
            ended.is_some() || self.says_ready(postmaster.id())
        });
        match ended {
            Some(status) => Err(ServiceError::failed(
                "postgres",
                format!("{status}: {}", self.end_of_log()),
            )),
            None if ready => Ok(()),
            None => Err(ServiceError::TooLate {
                what: format!("the start of postgres ({})", self.end_of_log()),
                limit: READY_MAX,
            }),
        }
    }

    /// As `pg_ctl` does: the postmaster writes its status to a file. The file of a killed one may
    /// still exist.
    fn says_ready(&self, pid: u32) -> bool {
        let file = fs::read_to_string(self.data_dir.join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = file.lines().map(str::trim).collect();
        lines.first() == Some(&pid.to_string().as_str()) && lines.get(STATUS_LINE) == Some(&"ready")
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    /// Sends a signal that stops it, and waits for the end.
    ///
    /// # Errors
    /// When it does not run, or does not stop within 60 s.
    pub(super) fn stop(&self, signal: Signal) -> Result<(), ServiceError> {
        let processes = self.processes()?;
        processes[0].signal(signal);
        // A paused server would not receive the signal.
        for process in &processes {
            process.signal(Signal::CONT);
        }
        self.wait_for_the_end()
    }

    fn wait_for_the_end(&self) -> Result<(), ServiceError> {
        let mut process = self.process();
        let postmaster = process.as_mut().ok_or(ServiceError::NotRunning)?;
        if run::ended(postmaster, STOP_MAX).is_none() {
            return Err(ServiceError::TooLate {
                what: "the end of postgres".to_owned(),
                limit: STOP_MAX,
            });
        }
        *process = None;
        Ok(())
    }

    fn pause_all(&self) -> Result<Vec<Process>, ServiceError> {
        let postmaster = self.postmaster()?;
        // First the one that starts others, so that no more appear.
        stopped(&[postmaster])?;
        let processes = self.processes()?;
        stopped(&processes)?;
        Ok(processes)
    }

    fn postmaster(&self) -> Result<Process, ServiceError> {
        self.pid().map(Process).ok_or(ServiceError::NotRunning)
    }

    /// The postmaster, followed by its children, which have none of their own.
    fn processes(&self) -> Result<Vec<Process>, ServiceError> {
        let postmaster = self.postmaster()?;
        let mut processes = vec![postmaster];
        processes.extend(postmaster.children());
        Ok(processes)
    }
}

fn stopped(processes: &[Process]) -> Result<(), ServiceError> {
    for process in processes {
        process.signal(Signal::STOP);
    }
    let is_still = |process: &Process| process.state() == Some('T') || process.is_gone();
    wait_for(processes, is_still, "the pause of postgres")
}

fn gone(processes: &[Process]) -> Result<(), ServiceError> {
    wait_for(
        processes,
        |process| process.is_gone(),
        "the end of postgres",
    )
}

fn wait_for(
    processes: &[Process],
    is_so: fn(&Process) -> bool,
    what: &str,
) -> Result<(), ServiceError> {
    if poll_until(SIGNAL_MAX, || processes.iter().all(is_so)) {
        return Ok(());
    }
    Err(ServiceError::TooLate {
        what: what.to_owned(),
        limit: SIGNAL_MAX,
    })
}
