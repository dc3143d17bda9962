//! One node: its process, which comes and goes, its connections, its clock and its log.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fritzy_testbed::{ChildProcess, ClusterSettings, ReapedDir, ServiceError, poll_until};

use crate::clock::WrongClock;
use crate::fault::Link;
use crate::log_pipe::LogPipe;
use crate::proxied::ProxiedSlot;

/// For an end in order, while the database may be away. Then a second signal ends it at once.
const EXIT_MAX: Duration = Duration::from_secs(8);

/// A slot with a process in it, or none.
#[derive(Debug)]
pub(crate) struct FaultNode {
    proxied: ProxiedSlot,
    clock: Option<WrongClock>,
    log: PathBuf,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    process: ChildProcess,
    output: LogPipe,
}

impl FaultNode {
    /// An empty slot. Its log is `<name>.log` in `logs`.
    pub(crate) fn new(
        name: &str,
        database_port: u16,
        settings: ClusterSettings,
        clock: Option<WrongClock>,
        logs: &Path,
    ) -> Result<Self, ServiceError> {
        Ok(Self {
            proxied: ProxiedSlot::new(name, database_port, settings)?,
            clock,
            log: logs.join(format!("{name}.log")),
            running: Mutex::new(None),
        })
    }

    /// A panic under this lock leaves nothing half done: the process is replaced whole.
    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn name(&self) -> &str {
        self.proxied.slot.name()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) fn api(&self) -> SocketAddr {
        self.proxied.slot.addresses().api
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.proxied.slot.addresses().admin
    }

    /// The id of its process; `None` while none runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        let mut running = self.running();
        let running = running.as_mut()?;
        let exited = running.process.try_exit().is_some();
        (!exited).then(|| running.process.pid())
    }

    /// Starts a process, if none runs, and does not wait until it is ready.
    pub(crate) fn start(&self, reaped: &ReapedDir) -> Result<(), ServiceError> {
        let mut running = self.running();
        if let Some(running) = running.as_mut()
            && running.process.try_exit().is_none()
        {
            return Ok(());
        }
        let io = |what: &str| {
            let what = format!("{what} {}", self.log.display());
            move |source| ServiceError::Io { what, source }
        };
        let (output, stderr) = LogPipe::into_file(&self.log).map_err(io("write"))?;
        let stdout = stderr.try_clone().map_err(io("write"))?;
        let mut command = self.proxied.slot.command();
        // Ctrl-C in a terminal is for the program that breaks nodes, not a fault of theirs.
        command.process_group(0);
        if let Some(clock) = &self.clock {
            clock.apply_to(&mut command);
        }
        let process = ChildProcess::spawn_with(&mut command, &self.log, stdout, stderr)?;
        let known_by = self.proxied.slot.addresses().cluster.to_string();
        reaped.watch(self.name(), process.pid(), &known_by)?;
        *running = Some(Running { process, output });
        Ok(())
    }

    pub(crate) fn kill(&self) {
        drop(self.running().take());
    }

    /// Ends the process in order. One that takes too long gets a second signal, as from an operator
    /// who does not want to wait.
    pub(crate) fn terminate(&self) {
        let Some(mut running) = self.running().take() else {
            return;
        };
        running.process.resume();
        for _ in 0..2 {
            running.process.terminate();
            if poll_until(EXIT_MAX, || running.process.try_exit().is_some()) {
                return;
            }
        }
    }

    pub(crate) fn pause(&self) {
        if let Some(running) = self.running().as_ref() {
            running.process.pause();
        }
    }

    pub(crate) fn resume(&self) {
        if let Some(running) = self.running().as_ref() {
            running.process.resume();
        }
    }

    pub(crate) fn fill_log_pipe(&self) -> Result<(), ServiceError> {
        let running = self.running();
        let filled = running.as_ref().map_or(Ok(()), |it| it.output.fill());
        filled.map_err(|source| ServiceError::Io {
            what: "fill the log pipe".to_owned(),
            source,
        })
    }

    pub(crate) fn drain_log_pipe(&self) {
        if let Some(running) = self.running().as_ref() {
            running.output.drain();
        }
    }

    /// Sets how many seconds its clock is ahead.
    pub(crate) fn set_ahead_s(&self, seconds: i64) -> Result<(), ServiceError> {
        let Some(clock) = &self.clock else {
            return Err(ServiceError::Failed {
                what: "a wrong clock".to_owned(),
                detail: "the cluster was started without clocks that can be set".to_owned(),
            });
        };
        clock
            .set_ahead_s(seconds)
            .map_err(|source| ServiceError::Io {
                what: "set a clock".to_owned(),
                source,
            })
    }

    pub(crate) fn cut_one_way(&self, link: Link) {
        self.proxy(link).drop_server_bytes();
    }

    pub(crate) fn cut_both_ways(&self, link: Link) {
        self.proxy(link).stall();
    }

    pub(crate) fn refuse(&self, link: Link) {
        self.proxy(link).cut();
    }

    pub(crate) fn slow(&self, link: Link, each_way: Duration) {
        self.proxy(link).delay(each_way);
    }

    pub(crate) fn heal(&self, link: Link) {
        self.proxy(link).heal();
    }

    /// Leads new connections to the database elsewhere.
    pub(crate) fn set_database(&self, address: SocketAddr) {
        self.proxied.database.set_upstream(address);
    }

    fn proxy(&self, link: Link) -> &fritzy_testbed::ChaosProxy {
        match link {
            Link::Database => &self.proxied.database,
            Link::Peers => &self.proxied.peers,
        }
    }
}
