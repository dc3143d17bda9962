//! The process of one broker.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::KafkaArtifacts;
use crate::detached_server::DetachedProcess;
use crate::error::ServiceError;
use crate::processes::{Process, Signal};
use crate::run;
use crate::wait::poll_until;

/// Until it accepts requests: the start of Java, an election, and the recovery after a kill.
const READY_MAX: Duration = Duration::from_secs(120);
/// Until it has stopped in order: the last of a quorum waits for others that will not return.
const STOP_MAX: Duration = Duration::from_secs(60);
/// Until a signal that cannot be blocked has taken effect.
const SIGNAL_MAX: Duration = Duration::from_secs(30);
/// How much of the log an error shows.
const LOG_LINES_SHOWN: usize = 12;

/// An ApiVersions request: key 18, version 0, correlation 1, no client id.
const VERSIONS_REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255];

#[derive(Debug)]
pub(super) struct Broker {
    properties: PathBuf,
    port: u16,
    log: PathBuf,
    child: Option<Child>,
}

impl Broker {
    pub(super) const fn new(properties: PathBuf, port: u16, log: PathBuf) -> Self {
        Self {
            properties,
            port,
            log,
            child: None,
        }
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(super) fn launch(&mut self, artifacts: &KafkaArtifacts) -> Result<(), ServiceError> {
        if self.child.is_some() {
            let detail = "the broker runs: stop or kill it first";
            return Err(ServiceError::failed("restart", detail));
        }
        let (log, err) = (run::append_to(&self.log)?, run::append_to(&self.log)?);
        let folder = self.properties.parent();
        let folder = folder.expect("settings are in the broker's folder");
        let child = artifacts
            .command("kafka.Kafka", "384m", folder)
            .arg(&self.properties)
            // Ctrl-C in a terminal is for the program that owns it, which then ends the broker.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(err)
            .spawn()
            .map_err(|source| ServiceError::Io {
                what: "start java".to_owned(),
                source,
            })?;
        // The reaper finds the broker through this file.
        let file = self.properties.with_extension("pid");
        let known_by = format!("{}\n{}\n", child.id(), self.properties.display());
        fs::write(&file, known_by).map_err(ServiceError::io("write", &file))?;
        self.child = Some(child);
        Ok(())
    }

    /// Gives up the process without ending it. Returns `None` if there is none.
    pub(super) fn detach(&mut self) -> Option<DetachedProcess> {
        let child = self.child.take()?;
        Some(DetachedProcess {
            pid: child.id(),
            argument: self.properties.display().to_string(),
        })
    }

    pub(super) fn wait_until_ready(&mut self) -> Result<(), ServiceError> {
        let port = self.port;
        let child = self.child.as_mut().ok_or(ServiceError::NotRunning)?;
        let mut ended = None;
        let ready = poll_until(READY_MAX, || {
            ended = child.try_wait().ok().flatten();
            ended.is_some() || answers(port)
        });
        match ended {
            Some(status) => {
                self.child = None;
                Err(ServiceError::failed(
                    "kafka",
                    format!("{status}: {}", self.end_of_log()),
                ))
            }
            None if ready => Ok(()),
            None => Err(ServiceError::TooLate {
                what: format!("the start of kafka ({})", self.end_of_log()),
                limit: READY_MAX,
            }),
        }
    }

    pub(super) fn stop(&mut self) -> Result<(), ServiceError> {
        let process = self.process()?;
        process.signal(Signal::TERM);
        process.signal(Signal::CONT);
        self.wait_for_the_end()
    }

    pub(super) fn kill(&mut self) -> Result<(), ServiceError> {
        self.process()?.signal(Signal::KILL);
        self.wait_for_the_end()
    }

    pub(super) fn pause(&mut self) -> Result<(), ServiceError> {
        let process = self.process()?;
        process.signal(Signal::STOP);
        if poll_until(SIGNAL_MAX, || process.state() == Some('T')) {
            return Ok(());
        }
        Err(ServiceError::TooLate {
            what: "the pause of kafka".to_owned(),
            limit: SIGNAL_MAX,
        })
    }

    pub(super) fn resume(&mut self) -> Result<(), ServiceError> {
        self.process()?.signal(Signal::CONT);
        Ok(())
    }

    /// Kills it: nothing of it is needed any more.
    pub(super) fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both succeed on a child of this process.
            drop(child.kill());
            drop(child.wait());
        }
    }

    fn process(&self) -> Result<Process, ServiceError> {
        let child = self.child.as_ref().ok_or(ServiceError::NotRunning)?;
        Ok(Process(child.id()))
    }

    fn wait_for_the_end(&mut self) -> Result<(), ServiceError> {
        let child = self.child.as_mut().ok_or(ServiceError::NotRunning)?;
        if run::ended(child, STOP_MAX).is_none() {
            return Err(ServiceError::TooLate {
                what: "the end of kafka".to_owned(),
                limit: STOP_MAX,
            });
        }
        self.child = None;
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }
}

/// Whether a broker responds. It listens before it is registered, and responds only afterwards.
pub(super) fn answers(port: u16) -> bool {
    let soon = Duration::from_secs(1);
    let asking = || {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, soon)?;
        stream.set_read_timeout(Some(soon))?;
        stream.write_all(&VERSIONS_REQUEST)?;
        // Length, correlation, error.
        let mut answer = [0; 10];
        stream.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer[4..] == [0, 0, 0, 1, 0, 0])
    };
    asking().unwrap_or(false)
}
