//! The process that owns the nodes: starts them, shows their changes, carries out requests, and
//! ends all it started.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use fritzy_testbed::ReapedDir;

use super::backing_services::{self, BackingService};
use super::control::{self, ClusterEvent};
use super::node_slot::{self, NodeConfig, NodeSlot, PORTS_FROM};
use super::nodes::{NodeEvent, Nodes};
use super::request::{ControlRequest, ControlResponse, NODES_MAX, NewCluster};
use super::state::{ClusterState, NodeState, NodeStatus};
use super::{output, secret, signals, terminal};

/// Between two polls of the processes and their readiness.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// For all nodes to be ready at the start.
const START_MAX: Duration = Duration::from_secs(90);
/// For one node to end in order: the longest that its settings allow.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Everything that runs. The fields are dropped in this order: nodes before the services they need.
struct RunningCluster {
    nodes: Nodes,
    reaped: ReapedDir,
    config: NodeConfig,
    /// Holds the state file and the logs.
    folder: PathBuf,
    control: PathBuf,
    /// Whether all nodes have been ready once. From then on commands are read, and a node that ends
    /// can be restarted.
    is_up: bool,
    written: Option<ClusterState>,
    database: BackingService,
    kafka: Result<BackingService, String>,
}

/// Starts a cluster and runs it until a signal ends it.
///
/// # Errors
/// When a part of the cluster cannot be started.
pub(super) fn run(new: &NewCluster, json: bool, folder: &Path, program: PathBuf) -> Result<bool> {
    let (sender, events) = channel();
    signals::listen(sender.clone())?;
    let mut cluster = match RunningCluster::start(new, folder, program, sender) {
        Ok(cluster) => cluster,
        // Ctrl-C also reaches the programs that create the database: their failure is not the
        // cause.
        Err(_)
            if matches!(
                events.recv_timeout(POLL_INTERVAL),
                Ok(ClusterEvent::Shutdown)
            ) =>
        {
            eprintln!("ended before all nodes had started");
            return Ok(true);
        }
        Err(failure) => return Err(failure),
    };
    if !cluster.wait_until_ready(&events)? {
        cluster.shut_down(&events);
        return Ok(true);
    }
    cluster.is_up = true;
    terminal::read_commands(cluster.control.clone());
    let state = cluster.state();
    let (database, kafka) = (&cluster.database.about, cluster.kafka.as_ref());
    let kafka = kafka.map(|kafka| kafka.about.as_str());
    eprint!(
        "{}",
        output::welcome(&state, database, kafka.map_err(String::as_str))
    );
    if json {
        println!("{}", serde_json::to_string_pretty(&state)?);
    }
    while cluster.handle_event(&events) {}
    cluster.shut_down(&events);
    Ok(true)
}

impl RunningCluster {
    fn start(
        new: &NewCluster,
        folder: &Path,
        program: PathBuf,
        events: Sender<ClusterEvent>,
    ) -> Result<Self> {
        let database = backing_services::database(folder)?;
        let kafka = match new.no_kafka {
            true => Err("--no-kafka".to_owned()),
            false => backing_services::kafka(folder),
        };
        let config = NodeConfig {
            program,
            database_url: database.url.clone(),
            kafka_brokers: kafka.as_ref().ok().map(|kafka| kafka.url.clone()),
            cookie: secret::new()?,
            admin_token: secret::new()?,
        };
        if kafka.is_ok() {
            backing_services::run_to_end(&mut config.command(&["topics", "apply"]))
                .context("cannot create the topics")?;
        }
        let reaped = ReapedDir::new()?;
        let control = reaped.path().join("control");
        control::listen(&control, events)?;
        let mut cluster = Self {
            nodes: Nodes::new(node_slot::address(PORTS_FROM)?)?,
            reaped,
            config,
            folder: folder.to_owned(),
            control,
            is_up: false,
            written: None,
            database,
            kafka,
        };
        for number in 1..=new.nodes {
            cluster.add(number)?;
        }
        Ok(cluster)
    }

    fn add(&mut self, number: u16) -> Result<()> {
        let slot = NodeSlot::new(number, &self.folder)?;
        self.nodes.add(slot, &self.config, &self.reaped)
    }

    /// Returns `false` when a signal ended the cluster before all nodes were ready.
    fn wait_until_ready(&mut self, events: &Receiver<ClusterEvent>) -> Result<bool> {
        let started = Instant::now();
        loop {
            let nodes = self.nodes.states();
            if nodes.iter().all(|node| node.status == NodeStatus::Ready) {
                return Ok(true);
            }
            let ended = |node: &&NodeState| matches!(node.status, NodeStatus::Ended(_));
            if let Some(ended) = nodes.iter().find(ended) {
                bail!("a node did not start:\n{}", output::end_of_log(&ended.log));
            }
            if !self.handle_event(events) {
                return Ok(false);
            }
            if started.elapsed() > START_MAX {
                bail!(
                    "not all nodes were ready within {START_MAX:?}; their logs are in {}",
                    self.folder.display()
                );
            }
        }
    }

    /// Handles one event, or polls the nodes. Returns `false` once the cluster is to end.
    fn handle_event(&mut self, events: &Receiver<ClusterEvent>) -> bool {
        match events.recv_timeout(POLL_INTERVAL) {
            Ok(ClusterEvent::Request(request, reply_to)) => {
                let (done, message) = match self.handle_request(request) {
                    Ok(message) => (true, message),
                    Err(failure) => (false, format!("{failure:#}")),
                };
                self.poll_nodes();
                let state = self.state();
                // The client may have disconnected.
                let _ = reply_to.send(ControlResponse {
                    message,
                    done,
                    state,
                });
            }
            Ok(ClusterEvent::Shutdown) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => self.poll_nodes(),
        }
        true
    }

    fn handle_request(&mut self, request: ControlRequest) -> Result<String> {
        Ok(match request {
            ControlRequest::Status => String::new(),
            ControlRequest::Add => {
                let number = self.nodes.slots().len() + 1;
                if number > usize::from(NODES_MAX) {
                    bail!(
                        "at most {NODES_MAX} nodes: more on one machine only slow each other down"
                    );
                }
                self.add(u16::try_from(number)?)?;
                format!("n{number} starts; shards move to it seconds after it is ready")
            }
            ControlRequest::Start(number) => {
                self.nodes.start(number, &self.config, &self.reaped)?;
                format!("n{number} starts")
            }
            ControlRequest::Stop(number) => {
                self.nodes.running(number)?.stop();
                format!("n{number} hands off its shards, then ends")
            }
            ControlRequest::Kill(number) => {
                self.nodes.running(number)?.kill();
                format!("n{number} is killed; the others acquire its shards within seconds")
            }
        })
    }

    /// Shows what changed by itself, and writes the state file if it differs.
    fn poll_nodes(&mut self) {
        for event in self.nodes.poll() {
            match event {
                NodeEvent::Ended { number, how } if self.is_up => {
                    eprintln!("n{number} ended ({how}); `start {number}` starts it again")
                }
                NodeEvent::Ended { number, how } => eprintln!("n{number} ended ({how})"),
                NodeEvent::NotReady { number } => eprintln!("n{number} is not ready"),
            }
        }
        let state = self.state();
        if self.written.as_ref() != Some(&state) {
            if let Err(failure) = state.write(&self.folder) {
                eprintln!("{failure:#}");
            }
            self.written = Some(state);
        }
    }

    fn state(&self) -> ClusterState {
        ClusterState {
            url: node_slot::url(self.nodes.balancer().address()),
            database_url: self.config.database_url.clone(),
            kafka_brokers: self.config.kafka_brokers.clone(),
            cookie: self.config.cookie.clone(),
            admin_token: self.config.admin_token.clone(),
            pid: std::process::id(),
            control: self.control.clone(),
            nodes: self.nodes.states(),
        }
    }

    /// Stops one node after the other: each hands off its shards to those that still run.
    fn shut_down(mut self, events: &Receiver<ClusterEvent>) {
        eprintln!("stopping one node after the other; Ctrl-C again kills all of them");
        ClusterState::remove(&self.folder);
        for slot in self.nodes.slots() {
            let started = Instant::now();
            slot.stop();
            while slot.pid().is_some() {
                if let Some(how) = slot.take_end() {
                    let took = started.elapsed().as_secs_f64();
                    eprintln!("{} ended {how} after {took:.1} s", slot.name());
                    break;
                }
                let again = matches!(
                    events.recv_timeout(POLL_INTERVAL),
                    Ok(ClusterEvent::Shutdown)
                );
                if again || started.elapsed() > STOP_MAX {
                    // Dropping the slots kills the nodes that are left.
                    return eprintln!("killed");
                }
            }
        }
    }
}
