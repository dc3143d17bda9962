//! Nodes of one cluster with their operators' endpoints, and `fritzy cluster` against them.

use std::time::{Duration, Instant};

use fritzy_testbed::{
    ClusterSettings, ExitedProcess, LocalCluster, LocalNode, PostgresServer, ServiceError,
    Workspace,
};
use fritzy_testbed_shop::{Api, read_cluster_state};
use fritzy_types::{ClusterState, ShardCount};
use serde_json::Value;
use tokio::time::sleep;

/// The operators' token of all nodes.
pub(crate) const TOKEN: &str = "the token of operators";
/// Until shards are balanced: membership must be stable for some seconds first.
pub(crate) const SETTLE_MAX: Duration = Duration::from_secs(60);
/// Few, so that each has many events.
const SHARDS: u16 = 8;
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The nodes `node-1`, `node-2` and so on, on one database.
pub(crate) struct AdminCluster {
    /// Where the commands run.
    pub(crate) workspace: Workspace,
    pub(crate) cluster: LocalCluster,
    server: PostgresServer,
}

impl AdminCluster {
    /// Starts this many nodes.
    ///
    /// # Errors
    /// When this machine has no PostgreSQL.
    pub(crate) fn start(nodes: usize) -> Result<Self, ServiceError> {
        Self::start_with(nodes, |settings| settings)
    }

    /// Starts this many nodes with further settings.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_with(
        nodes: usize,
        change: impl FnOnce(ClusterSettings) -> ClusterSettings,
    ) -> Result<Self, ServiceError> {
        let server = PostgresServer::start(fritzy_testbed::PostgresConfig::default())?;
        let settings = ClusterSettings {
            admin_token: Some(TOKEN.to_owned()),
            ..ClusterSettings::new(server.url("postgres")).with("--shards", SHARDS)
        };
        let mut cluster = LocalCluster::new(change(settings));
        for number in 1..=nodes {
            let node = cluster.add(&format!("node-{number}"))?;
            require_admin_address_in_log(node);
        }
        Ok(Self {
            workspace: Workspace::new(),
            cluster,
            server,
        })
    }

    /// The API of a node.
    pub(crate) fn api(&self, node: &str) -> Api {
        Api::at(self.cluster.node(node).slot.addresses().api)
    }

    /// The operators' endpoint of a node.
    pub(crate) fn admin(&self, node: &str) -> Api {
        Api::at(self.cluster.node(node).slot.addresses().admin)
    }

    /// `fritzy cluster …` against a node.
    pub(crate) fn command(&self, node: &str, arguments: &[&str]) -> std::process::Command {
        let all = [&["cluster"], arguments].concat();
        let mut command = self.workspace.command(&all);
        let admin = self.cluster.node(node).slot.addresses().admin;
        command
            .env("FRITZY_ADMIN_URL", format!("http://{admin}"))
            .env("FRITZY_ADMIN_TOKEN", TOKEN);
        command
    }

    /// Runs `fritzy cluster …` against a node.
    pub(crate) fn run(&self, node: &str, arguments: &[&str]) -> ExitedProcess {
        self.workspace.run(&mut self.command(node, arguments))
    }

    /// The stdout of a command that succeeds.
    pub(crate) fn stdout(&self, node: &str, arguments: &[&str]) -> String {
        let exited = self.run(node, arguments);
        assert_eq!(exited.code, Some(0), "{arguments:?}: {exited:?}");
        assert_eq!(exited.stderr, "", "{arguments:?}: {exited:?}");
        exited.stdout
    }

    /// The output of a command that succeeds with `--json`.
    pub(crate) fn json(&self, node: &str, arguments: &[&str]) -> Value {
        let text = self.stdout(node, &[arguments, &["--json"]].concat());
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The status that a node reports, and the command's exit code: 1 while a shard is not served.
    pub(crate) fn status(&self, node: &str) -> (Value, ExitedProcess) {
        let exited = self.run(node, &["status", "--json"]);
        let is_line = exited
            .stderr
            .starts_with("fritzy: not all shards are served: ");
        match exited.code {
            Some(0) => assert_eq!(exited.stderr, "", "{exited:?}"),
            code => assert!(code == Some(1) && is_line, "{exited:?}"),
        }
        let status = serde_json::from_str(&exited.stdout).expect("JSON");
        (status, exited)
    }

    /// The tables of nodes and shards.
    pub(crate) async fn state(&self) -> ClusterState {
        let shards = ShardCount::new(SHARDS).expect("in range");
        let state = read_cluster_state(&self.server.url("postgres"), shards).await;
        state.expect("an open database")
    }

    /// Waits until the status that a node reports fulfils a condition, and returns that status.
    pub(crate) async fn wait_status(&self, node: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (status, _) = self.status(node);
            if holds(&status) {
                return status;
            }
            assert!(began.elapsed() < SETTLE_MAX, "{status:#}");
            sleep(POLL_INTERVAL).await;
        }
    }
}

/// The log names the address on which the node listens for operators.
fn require_admin_address_in_log(node: &LocalNode) {
    let (log, admin) = (node.process.log(), node.slot.addresses().admin.to_string());
    let mut entries = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_logged = entries.any(|entry| {
        entry["message"] == "admin API listening" && entry["address"] == admin.as_str()
    });
    assert!(is_logged, "{admin} in {log}");
}
