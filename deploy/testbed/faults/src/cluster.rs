//! The cluster: it starts, breaks, heals, and tells whether every shard is served.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fritzy_testbed::{
    ClusterSettings, ExitedProcess, KafkaCluster, KafkaConfig, NODE_TIME_MAX, ReapedDir,
    ServiceError, Workspace,
};
use serde_json::Value;

use crate::clock::{WrongClock, WrongClockLibrary};
use crate::config::FaultConfig;
use crate::database::FaultDatabase;
use crate::fault::{Fault, Link};
use crate::node::FaultNode;

/// The operators' token of all nodes.
const ADMIN_TOKEN: &str = "the token of operators";
/// Partitions of each topic: several, and few enough that a broker creates them quickly.
const PARTITIONS: &str = "3";
/// For one run of `fritzy cluster status`, in a debug build on a busy machine.
const STATUS_MAX: Duration = Duration::from_secs(20);
/// Between two looks at a cluster that is not served yet.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Nodes, a database and perhaps a broker, and everything that can break them.
///
/// All processes end when it is dropped, and when the program that started it is killed. Faults can
/// be injected and healed from several threads; those of one node or one server one after the
/// other.
#[derive(Debug)]
pub struct FaultCluster {
    nodes: Vec<FaultNode>,
    database: FaultDatabase,
    kafka: Option<Mutex<KafkaCluster>>,
    workspace: Workspace,
    logs: PathBuf,
    reaped: ReapedDir,
}

impl FaultCluster {
    /// Starts a cluster, and waits until all shards are served and every node has some.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] when this machine lacks something that the configuration needs;
    /// otherwise when something does not start.
    pub fn start(config: &FaultConfig) -> Result<Self, ServiceError> {
        let workspace = Workspace::with_binary(config.binary.clone());
        let reaped = ReapedDir::new()?;
        let logs = match &config.logs {
            Some(logs) => logs.clone(),
            None => workspace.outside("logs"),
        };
        std::fs::create_dir_all(&logs).map_err(|source| ServiceError::Io {
            what: format!("make {}", logs.display()),
            source,
        })?;
        let library = match config.wrong_clocks {
            true => Some(WrongClockLibrary::compile(reaped.path())?),
            false => None,
        };
        // The broker needs the longest.
        let (kafka, database) = thread::scope(|scope| {
            let kafka = scope.spawn(|| match config.kafka {
                true => start_kafka(&workspace, &logs).map(Some),
                false => Ok(None),
            });
            let database = FaultDatabase::start(&logs, config.small_disk);
            (kafka.join().expect("no panic"), database)
        });
        let (kafka, database) = (kafka?, database?);
        let mut cluster = Self {
            nodes: Vec::new(),
            database,
            kafka: kafka.map(Mutex::new),
            workspace,
            logs,
            reaped,
        };
        for number in 1..=config.nodes {
            let name = format!("n{number}");
            let clock = match &library {
                Some(library) => {
                    let offset = cluster.reaped.path().join(format!("{name}.clock"));
                    Some(WrongClock::new(library, offset)?)
                }
                None => None,
            };
            let settings = cluster.settings(config);
            let port = cluster.database.port();
            let node = FaultNode::new(&name, port, settings, clock, &cluster.logs)?;
            node.start(&cluster.reaped)?;
            cluster.nodes.push(node);
            if number == 1 {
                // It creates the schema, which the others and a standby need.
                cluster.wait_served(NODE_TIME_MAX)?;
            }
        }
        cluster.database.follow(&cluster.logs, config.standby)?;
        cluster.wait_shared()?;
        Ok(cluster)
    }

    fn settings(&self, config: &FaultConfig) -> ClusterSettings {
        let mut settings = ClusterSettings {
            admin_token: Some(ADMIN_TOKEN.to_owned()),
            program: config.binary.clone(),
            ..ClusterSettings::new(self.database.url()).with("--shards", config.shards)
        };
        if let Some(brokers) = self.brokers() {
            settings = settings.with("--kafka-brokers", brokers);
        }
        for (flag, value) in &config.settings {
            settings = settings.with(flag, value);
        }
        settings
    }

    /// The API of each node, running or not.
    #[must_use]
    pub fn api_addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(FaultNode::api).collect()
    }

    /// The process of each node; `None` for one that does not run.
    #[must_use]
    pub fn pids(&self) -> Vec<Option<u32>> {
        self.nodes.iter().map(FaultNode::pid).collect()
    }

    /// The log of each node, through all of its restarts.
    #[must_use]
    pub fn node_logs(&self) -> Vec<&Path> {
        self.nodes.iter().map(FaultNode::log).collect()
    }

    /// The directory of all logs.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The URL of the database as it is now, past all proxies.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.database.url()
    }

    /// The broker's address, if there is one.
    #[must_use]
    pub fn brokers(&self) -> Option<String> {
        let kafka = self.kafka.as_ref()?;
        Some(lock(kafka).bootstrap())
    }

    /// Runs `fritzy` with these arguments, such as a command against [`Self::database_url`].
    ///
    /// # Errors
    /// When it does not exit within `limit`.
    pub fn run(&self, arguments: &[&str], limit: Duration) -> Result<ExitedProcess, ServiceError> {
        let mut command = self.workspace.command(arguments);
        self.workspace.spawn(&mut command).try_wait_exit(limit)
    }

    /// Breaks something. What is waited for is said at each [`Fault`]: an end in order, the pause
    /// of a server.
    ///
    /// # Errors
    /// When the cluster was not started for this fault, or a server does not react.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn inject(&self, fault: &Fault) -> Result<(), ServiceError> {
        match fault {
            Fault::Kill { node } => self.nodes[*node].kill(),
            Fault::Stop { node } => self.nodes[*node].pause(),
            Fault::Restart { node } => self.nodes[*node].terminate(),
            Fault::CutOneWay { node, link } => self.nodes[*node].cut_one_way(*link),
            Fault::CutBothWays { node, link } => self.nodes[*node].cut_both_ways(*link),
            Fault::Refused { node, link } => self.nodes[*node].refuse(*link),
            Fault::Slow {
                node,
                link,
                delay_ms,
            } => self.nodes[*node].slow(*link, Duration::from_millis(*delay_ms)),
            Fault::DatabaseStall => self.database.pause()?,
            Fault::DatabaseRestart | Fault::PromotionWithoutLoss => self.database.kill()?,
            Fault::PromotionWithLoss => self.database.stop_following()?,
            Fault::FullDisk => self.database.fill_disk()?,
            Fault::BrokerAway => self.kafka()?.kill(0)?,
            Fault::ClockOff { node, ahead_s } => self.nodes[*node].set_ahead_s(*ahead_s)?,
            Fault::LogPipeFull { node } => self.nodes[*node].fill_log_pipe()?,
        }
        Ok(())
    }

    /// Ends a fault. It does not wait until shards are served again.
    ///
    /// # Errors
    /// When a process or a server does not start.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn heal(&self, fault: &Fault) -> Result<(), ServiceError> {
        match fault {
            Fault::Kill { node } | Fault::Restart { node } => {
                self.nodes[*node].start(&self.reaped)?;
            }
            Fault::Stop { node } => self.nodes[*node].resume(),
            Fault::CutOneWay { node, link }
            | Fault::CutBothWays { node, link }
            | Fault::Refused { node, link }
            | Fault::Slow { node, link, .. } => self.nodes[*node].heal(*link),
            Fault::DatabaseStall => self.database.resume()?,
            Fault::DatabaseRestart => self.database.restart()?,
            Fault::PromotionWithoutLoss | Fault::PromotionWithLoss => {
                self.database.promote(|address| {
                    for node in &self.nodes {
                        node.set_database(address);
                    }
                })?;
            }
            Fault::FullDisk => self.database.free_disk()?,
            Fault::BrokerAway => self.kafka()?.restart(0)?,
            Fault::ClockOff { node, .. } => self.nodes[*node].set_ahead_s(0)?,
            Fault::LogPipeFull { node } => self.nodes[*node].drain_log_pipe(),
        }
        Ok(())
    }

    fn kafka(&self) -> Result<MutexGuard<'_, KafkaCluster>, ServiceError> {
        let kafka = self.kafka.as_ref().ok_or_else(|| ServiceError::Failed {
            what: "a fault of the broker".to_owned(),
            detail: "the cluster was started without one".to_owned(),
        })?;
        Ok(lock(kafka))
    }

    /// Ends every fault of connections, clocks and logs, and starts every node that does not run. A
    /// broken server is healed by its fault only.
    ///
    /// # Errors
    /// When a node does not start.
    pub fn heal_nodes(&self) -> Result<(), ServiceError> {
        for node in &self.nodes {
            node.heal(Link::Database);
            node.heal(Link::Peers);
            node.drain_log_pipe();
            node.resume();
            node.start(&self.reaped)?;
        }
        Ok(())
    }

    /// Kills all nodes: the database then changes no more, once a batch in flight is fenced.
    pub fn kill_nodes(&self) {
        for node in &self.nodes {
            node.kill();
        }
    }

    /// Whether every running node reports that all shards are served: `fritzy cluster status` exits
    /// with 0.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.nodes.iter().all(|node| {
            node.pid().is_some() && self.status(node).is_ok_and(|(code, _)| code == Some(0))
        })
    }

    /// Waits until all nodes run and serve all shards. Returns how long that took.
    ///
    /// # Errors
    /// When it takes longer than `limit`; with the last output of each node's `cluster status`.
    pub fn wait_served(&self, limit: Duration) -> Result<Duration, ServiceError> {
        let began = Instant::now();
        while !self.is_served() {
            if began.elapsed() > limit {
                let all = self.nodes.iter().map(|node| {
                    let status = self.status(node);
                    let shown = status.map_or_else(|failure| failure.to_string(), |(_, text)| text);
                    format!("{}: {shown}", node.name())
                });
                let all: Vec<String> = all.collect();
                return Err(ServiceError::TooLate {
                    what: format!("the service of all shards ({})", all.join("; ")),
                    limit,
                });
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(began.elapsed())
    }

    /// Waits until every node has shards. Nodes would move them some seconds after the last one has
    /// joined; here they need not wait for more.
    fn wait_shared(&self) -> Result<(), ServiceError> {
        self.wait_served(NODE_TIME_MAX)?;
        let began = Instant::now();
        loop {
            let shares = self.shares()?;
            if shares.len() == self.nodes.len() {
                if !shares.contains(&0) {
                    return Ok(());
                }
                self.call(&self.nodes[0], &["cluster", "rebalance"])?;
            }
            if began.elapsed() > NODE_TIME_MAX {
                return Err(ServiceError::TooLate {
                    what: format!("a share of the shards for each node ({shares:?})"),
                    limit: NODE_TIME_MAX,
                });
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// The number of shards of each node that the first node reports as a member. Empty while it
    /// reports nothing.
    ///
    /// # Errors
    /// When `fritzy cluster status` does not exit within 20 s.
    pub fn shares(&self) -> Result<Vec<u64>, ServiceError> {
        let (_, status) = self.call(&self.nodes[0], &["cluster", "status", "--json"])?;
        let status: Value = serde_json::from_str(&status).unwrap_or_default();
        let nodes = status["nodes"].as_array().map_or(&[][..], Vec::as_slice);
        let share = |node: &Value| node["shards"].as_u64().unwrap_or_default();
        Ok(nodes.iter().map(share).collect())
    }

    /// Exit code and output of `fritzy cluster status` of one node.
    fn status(&self, node: &FaultNode) -> Result<(Option<i32>, String), ServiceError> {
        self.call(node, &["cluster", "status"])
    }

    /// Runs a command of `fritzy cluster` against one node.
    fn call(
        &self,
        node: &FaultNode,
        arguments: &[&str],
    ) -> Result<(Option<i32>, String), ServiceError> {
        let mut command = self.workspace.command(arguments);
        command
            .env("FRITZY_ADMIN_URL", format!("http://{}", node.admin()))
            .env("FRITZY_ADMIN_TOKEN", ADMIN_TOKEN);
        let exited = self.workspace.spawn(&mut command);
        let exited = exited.try_wait_exit(STATUS_MAX)?;
        Ok((exited.code, exited.stdout + &exited.stderr))
    }
}

impl Drop for FaultCluster {
    fn drop(&mut self) {
        // A paused server is woken by its reaper, a paused node by nobody.
        self.kill_nodes();
    }
}

/// Starts a broker, and creates the topics.
fn start_kafka(workspace: &Workspace, logs: &Path) -> Result<KafkaCluster, ServiceError> {
    let kafka = KafkaCluster::start(&KafkaConfig {
        log: Some(logs.join("kafka.log")),
        ..KafkaConfig::default()
    })?;
    let brokers = kafka.bootstrap();
    let apply = ["topics", "apply", "--partitions", PARTITIONS];
    let mut apply = workspace.command(&apply);
    apply.args(["--kafka-brokers", &brokers]);
    let applied = workspace.spawn(&mut apply).try_wait_exit(NODE_TIME_MAX)?;
    match applied.code {
        Some(0) => Ok(kafka),
        _ => Err(ServiceError::Failed {
            what: "fritzy topics apply".to_owned(),
            detail: format!("{applied:?}"),
        }),
    }
}

/// A panic under this lock leaves nothing half done: brokers are replaced whole.
fn lock(kafka: &Mutex<KafkaCluster>) -> MutexGuard<'_, KafkaCluster> {
    kafka.lock().unwrap_or_else(PoisonError::into_inner)
}
