//! A server that runs as a child process during a measurement: started on a free port with its own
//! folder, and stopped by SIGTERM to its process id, however the measurement ends.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use thiserror::Error;

use super::affinity::on_core;

/// The time limit to start listening: a debug build on a busy machine needs seconds.
const START_MAX: Duration = Duration::from_secs(60);
/// The time limit to end after SIGTERM before it is killed: longer than a node waits for requests
/// in flight.
const STOP_MAX: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Environment variables of a node's settings without the prefix `FRITZY_`.
const DATABASE_VARIABLES: [&str; 2] = ["DATABASE_URL", "DATABASE_REPLICA_URL"];
/// How much of the log an error quotes, in bytes.
const LOG_SHOWN_BYTES: usize = 2_000;

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    /// Its arguments; `--port-file` is added. The program must write its port into that file once
    /// it listens.
    pub(crate) arguments: Vec<OsString>,
    /// Variables in addition to this program's environment, of which a node's settings are removed.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Whether it accepts `--data-dir`, which is then added.
    pub(crate) has_data: bool,
    /// The folder in which its own folder is created.
    pub(crate) within: PathBuf,
    /// The core that it is pinned to.
    pub(crate) core: Option<usize>,
}

/// Why a server could not be started or stopped.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The process cannot be started.
    #[error("{program} cannot be started: {failure}")]
    Start {
        /// The path of the program.
        program: String,
        /// The error of the operating system.
        failure: io::Error,
    },
    /// The process ended unexpectedly.
    #[error("{program} ended unexpectedly ({status}); the end of its log:\n{log}")]
    Ended {
        /// The path of the program.
        program: String,
        /// The exit status that the operating system reported.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// The process did not listen or did not end in time.
    #[error("{program} {what} within {} s; the end of its log:\n{log}", .limit.as_secs())]
    Late {
        /// The path of the program.
        program: String,
        /// What it did not do.
        what: &'static str,
        /// The time that the process was given to do it.
        limit: Duration,
        /// The end of its log.
        log: String,
    },
}

/// A running server; stopped when dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    program: String,
    child: Child,
    /// Removed by its drop, after the process.
    folder: TempDir,
    port: u16,
}

impl Launch {
    /// Starts the server and waits until it listens.
    ///
    /// # Errors
    /// [`ServerError::Start`] when it cannot be started, [`ServerError::Ended`] when it ends, and
    /// [`ServerError::Late`] when it does not listen in time.
    pub(crate) async fn start(&self) -> Result<ServerProcess, ServerError> {
        let program = self.program.display().to_string();
        let unstartable = |failure| ServerError::Start {
            program: program.clone(),
            failure,
        };
        let folder = tempfile::Builder::new()
            .prefix("fritzy-bench-")
            .tempdir_in(&self.within)
            .map_err(unstartable)?;
        let mut command = self.command(folder.path()).map_err(unstartable)?;
        let child = match self.core {
            Some(core) => on_core(core, || command.spawn()).and_then(|spawned| spawned),
            None => command.spawn(),
        };
        let mut server = ServerProcess {
            child: child.map_err(unstartable)?,
            program,
            folder,
            port: 0,
        };
        server.port = server.listened_port().await?;
        Ok(server)
    }

    fn command(&self, folder: &Path) -> io::Result<Command> {
        let log = File::create(folder.join("log"))?;
        let mut command = without_settings(&self.program);
        command
            .args(&self.arguments)
            .args(["--listen", "127.0.0.1:0", "--port-file"])
            .arg(folder.join("port"))
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C goes to this program only, which then stops the server.
            .process_group(0);
        if self.has_data {
            command.arg("--data-dir").arg(folder.join("data"));
        }
        Ok(command)
    }
}

/// A command that does not inherit a node's settings: figures depend on the flags of the run only.
pub(crate) fn without_settings(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("FRITZY_") || DATABASE_VARIABLES.contains(&&*text) {
            command.env_remove(name);
        }
    }
    command
}

impl ServerProcess {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The port on which it listens, on 127.0.0.1.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    ///
    /// # Errors
    /// [`ServerError::Ended`] when it had ended before or failed, [`ServerError::Late`] when it had
    /// to be killed.
    pub(crate) async fn stop(mut self) -> Result<(), ServerError> {
        let before = self.child.try_wait().ok().flatten();
        if let Some(status) = before {
            return Err(self.ended(status));
        }
        self.terminate();
        let began = Instant::now();
        while began.elapsed() < STOP_MAX {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(self.ended(status)),
                _ => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
        self.kill();
        Err(self.late("did not end after SIGTERM", STOP_MAX))
    }

    async fn listened_port(&mut self) -> Result<u16, ServerError> {
        let file = self.folder.path().join("port");
        let began = Instant::now();
        while began.elapsed() < START_MAX {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if let Ok(port) = text.trim().parse() {
                return Ok(port);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.ended(status));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Err(self.late("did not listen", START_MAX))
    }

    fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // An error means that the process has ended.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn ended(&self, status: ExitStatus) -> ServerError {
        ServerError::Ended {
            program: self.program.clone(),
            status,
            log: self.log(),
        }
    }

    fn late(&self, what: &'static str, limit: Duration) -> ServerError {
        ServerError::Late {
            program: self.program.clone(),
            what,
            limit,
            log: self.log(),
        }
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("log")).unwrap_or_default();
        let end = &log[log.len().saturating_sub(LOG_SHOWN_BYTES)..];
        String::from_utf8_lossy(end).into_owned()
    }
}

/// After an error or an interrupt nothing else waits for the process.
impl Drop for ServerProcess {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.terminate();
        let began = Instant::now();
        while began.elapsed() < STOP_MAX {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Launch {
        // The added arguments follow the script: $1 is --listen, $4 the port file.
        Launch {
            program: "sh".into(),
            arguments: ["-c", script, "server"].map(OsString::from).to_vec(),
            environment: Vec::new(),
            has_data: false,
            within: std::env::temp_dir(),
            core: None,
        }
    }

    #[tokio::test]
    async fn stopped_server_leaves_no_folder() {
        let launch = shell("echo 4711 > \"$4\"; trap 'exit 0' TERM; while :; do sleep 0.01; done");
        let server = launch.start().await.expect("it listens");
        assert_eq!(server.port(), 4711);
        let folder = server.folder().to_owned();
        assert!(folder.exists());
        server.stop().await.expect("it ends");
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn dropped_server_is_stopped() {
        let launch = shell("echo 4711 > \"$4\"; exec sleep 60");
        let server = launch.start().await.expect("it listens");
        let pid = server.pid();
        drop(server);
        let pid = Pid::from_raw(i32::try_from(pid).expect("small")).expect("a pid");
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[tokio::test]
    async fn failed_start_quotes_the_log() {
        let ended = shell("echo no such data; exit 3").start().await;
        let ended = ended.expect_err("it ended").to_string();
        assert!(
            ended.contains("no such data") && ended.contains("exit status: 3"),
            "{ended}"
        );
    }
}
