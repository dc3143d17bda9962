//! Nodes of one cluster with a proxy on each of their connections: one to the database, and one
//! that other nodes connect through.

use std::error::Error;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use fritzy_testbed::{
    ChaosProxy, ClusterSettings, NODE_TIME_MAX, NodeProcess, PostgresServer, ServiceError,
    Workspace, wait_until_async,
};
use fritzy_testbed_faults::ProxiedSlot;
use fritzy_testbed_shop::{Api, Audit, audit_left, live_node, read_cluster_state, shards_of};
use fritzy_types::{ClusterState, NodeId, ShardCount, ShardId};
use serde_json::Value;
use tokio::task::block_in_place;
use tokio::time::sleep;

/// Few, so that each has many events.
pub(crate) const SHARDS: u16 = 16;
/// The operators' token of all nodes.
const ADMIN_TOKEN: &str = "the token of operators";
/// Until shards are balanced: membership must be stable for some seconds first.
const SETTLE_MAX: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A node behind its proxies.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) process: NodeProcess,
    pub(crate) api: Api,
    /// Carries the node's connections to the database.
    pub(crate) database: ChaosProxy,
    /// Carries the connections of other nodes to this one.
    pub(crate) peers: ChaosProxy,
    /// Where it listens for other nodes, behind that proxy.
    pub(crate) cluster_address: SocketAddr,
    /// Its admin API, for operators.
    admin_address: SocketAddr,
}

/// The id of a started node, and whether it was fenced.
pub(crate) type Incarnation = (NodeId, bool);

/// A shard and its owner.
pub(crate) type ShardOwner = (ShardId, Option<NodeId>);

/// All nodes, and the database that they share.
pub(crate) struct Nodes {
    pub(crate) workspace: Workspace,
    pub(crate) server: PostgresServer,
    pub(crate) nodes: Vec<Node>,
}

impl Nodes {
    /// Starts the nodes `n1`, `n2` and so on, and waits until they share all shards.
    ///
    /// # Errors
    /// When this machine has no PostgreSQL.
    pub(crate) async fn start(count: usize) -> Result<Self, ServiceError> {
        let mut nodes = Self {
            workspace: Workspace::new(),
            server: PostgresServer::start(fritzy_testbed::PostgresConfig::shared_by_tests())?,
            nodes: Vec::new(),
        };
        nodes.spawn_all(count).await;
        Ok(nodes)
    }

    async fn spawn_all(&mut self, count: usize) {
        // The first one joins first; later nodes connect to earlier ones.
        for number in 1..=count {
            let mut node = self.spawn(&format!("n{number}"));
            if number == 1 {
                node.process.address();
            }
            self.nodes.push(node);
        }
        for node in &mut self.nodes {
            node.process.address();
        }
        if count > 0 {
            self.wait_settled().await;
        }
    }

    /// Stops all nodes, calls `meanwhile`, starts as many, and waits until they share all shards.
    pub(crate) async fn restart_all(&mut self, meanwhile: impl FnOnce(&Self)) {
        let stopping = std::mem::take(&mut self.nodes);
        let count = stopping.len();
        for node in &stopping {
            node.process.terminate();
        }
        block_in_place(|| {
            for node in stopping {
                let exited = node.process.wait_exit(NODE_TIME_MAX);
                assert_eq!(exited.code, Some(0), "{exited:?}");
            }
            meanwhile(self);
        });
        self.spawn_all(count).await;
    }

    /// What every node is started with, on the database at this URL.
    pub(crate) fn settings(database_url: &str) -> ClusterSettings {
        ClusterSettings {
            admin_token: Some(ADMIN_TOKEN.to_owned()),
            ..ClusterSettings::new(database_url).with("--shards", SHARDS)
        }
    }

    /// The output of `fritzy cluster status --json` of a node that serves all shards.
    pub(crate) fn status(&self, name: &str) -> Value {
        let (code, status) = self.exit_and_status(name);
        assert_eq!(code, Some(0), "{status:#}");
        status
    }

    /// The same, whether all shards are served or not.
    pub(crate) fn status_of(&self, name: &str) -> Value {
        self.exit_and_status(name).1
    }

    fn exit_and_status(&self, name: &str) -> (Option<i32>, Value) {
        let node = self.nodes.iter().find(|node| node.name == name);
        let admin = node.expect("a running node").admin_address;
        let mut command = self.workspace.command(&["cluster", "status", "--json"]);
        command
            .env("FRITZY_ADMIN_URL", format!("http://{admin}"))
            .env("FRITZY_ADMIN_TOKEN", ADMIN_TOKEN);
        let exited = self.workspace.run(&mut command);
        let status = serde_json::from_str(&exited.stdout);
        (exited.code, status.unwrap_or_else(|_| panic!("{exited:?}")))
    }

    /// Starts a node and does not wait until it listens.
    pub(crate) fn spawn(&self, name: &str) -> Node {
        self.spawn_with(name, &[])
    }

    /// [`Self::spawn`] with further arguments.
    pub(crate) fn spawn_with(&self, name: &str, arguments: &[&str]) -> Node {
        self.spawn_changed(name, |command| {
            command.args(arguments);
        })
    }

    /// [`Self::spawn`] with a changed command.
    pub(crate) fn spawn_changed(&self, name: &str, change: impl FnOnce(&mut Command)) -> Node {
        let url = self.server.url("postgres");
        let proxied = ProxiedSlot::new(name, self.server.port(), Self::settings(&url));
        let ProxiedSlot {
            slot,
            database,
            peers,
        } = proxied.expect("free ports");
        let addresses = slot.addresses();
        let mut command = slot.command();
        change(&mut command);
        Node {
            name: name.to_owned(),
            process: slot.spawn_command(&mut command),
            api: Api::at(addresses.api),
            database,
            peers,
            cluster_address: addresses.cluster,
            admin_address: addresses.admin,
        }
    }

    /// The API of each node.
    pub(crate) fn apis(&self) -> Vec<Api> {
        self.nodes.iter().map(|node| node.api.clone()).collect()
    }

    /// The tables of nodes and shards.
    pub(crate) async fn state(&self) -> ClusterState {
        let began = Instant::now();
        loop {
            // A busy machine may be slower than a node would wait.
            match self.try_state().await {
                Ok(state) => return state,
                Err(failure) => assert!(began.elapsed() < SETTLE_MAX, "{failure}"),
            }
        }
    }

    async fn try_state(&self) -> Result<ClusterState, Box<dyn Error>> {
        Ok(read_cluster_state(&self.server.url("postgres"), shard_count()).await?)
    }

    /// All incarnations of nodes, and the owner of each shard.
    pub(crate) async fn ownership(&self) -> (Vec<Incarnation>, Vec<ShardOwner>) {
        let state = self.state().await;
        let nodes = state.nodes.iter().map(|n| (n.node.id, n.fenced));
        let shards = state.shards.iter().map(|row| (row.shard, row.owner));
        (nodes.collect(), shards.collect())
    }

    /// The current incarnation of a node.
    pub(crate) async fn id_of(&self, name: &str) -> Option<NodeId> {
        live_node(&self.state().await, name)
    }

    /// The shards of a node's current incarnation.
    pub(crate) async fn shards_of(&self, name: &str) -> Vec<ShardId> {
        let state = self.state().await;
        live_node(&state, name).map_or_else(Vec::new, |id| shards_of(&state, id))
    }

    /// Waits until exactly the nodes of this value run, and each owns its share of the shards.
    pub(crate) async fn wait_settled(&self) {
        let count = self.nodes.len();
        self.wait_until("shards are balanced", async |nodes| {
            let state = nodes.state().await;
            let live = state.nodes.iter().filter(|record| !record.fenced);
            let owned: Vec<usize> = live
                .map(|record| shards_of(&state, record.node.id).len())
                .collect();
            let most = usize::from(SHARDS).div_ceil(count) + 1;
            let least = usize::from(SHARDS) / count / 3;
            owned.len() == count
                && owned.iter().sum::<usize>() == usize::from(SHARDS)
                && owned.iter().all(|owned| (least..=most).contains(owned))
        })
        .await;
    }

    /// Waits until this incarnation is fenced and every shard has a live owner. Returns how long
    /// that took.
    pub(crate) async fn wait_taken_over(&self, incarnation: NodeId) -> Duration {
        self.wait_until("every shard has another owner", async |nodes| {
            let state = nodes.state().await;
            let live = state.nodes.iter().filter(|record| !record.fenced);
            let live: Vec<NodeId> = live.map(|record| record.node.id).collect();
            let mut shards = state.shards.iter();
            !live.contains(&incarnation)
                && shards.all(|row| row.owner.is_some_and(|owner| live.contains(&owner)))
        })
        .await
    }

    /// Waits until a condition holds. Returns how long that took; a failure shows the tables and
    /// the logs.
    pub(crate) async fn wait_until(
        &self,
        what: &str,
        holds: impl AsyncFn(&Self) -> bool,
    ) -> Duration {
        let began = Instant::now();
        while !holds(self).await {
            if began.elapsed() > SETTLE_MAX {
                let logs = self.nodes.iter().map(|node| node.process.log_tail());
                let logs: Vec<String> = logs.collect();
                let (state, logs) = (self.state().await, logs.join("\n---\n"));
                panic!("not within {SETTLE_MAX:?}: {what}: {state:#?}\n{logs}");
            }
            sleep(POLL_INTERVAL).await;
        }
        began.elapsed()
    }

    pub(crate) fn kill(&mut self, name: &str) {
        let index = self.nodes.iter().position(|node| node.name == name);
        self.nodes
            .remove(index.expect("a running node"))
            .process
            .kill();
    }

    /// Kills all nodes, audits the database and verifies it.
    pub(crate) async fn kill_all(&mut self) -> Audit {
        for node in self.nodes.drain(..) {
            node.process.kill();
        }
        let (found, _) = audit_left(&self.server.url("postgres"), shard_count()).await;
        let (url, shards) = (self.server.url("postgres"), SHARDS.to_string());
        let verify = [
            ["journal", "verify"],
            ["--database-url", &url],
            ["--shards", &shards],
        ];
        let mut verify = self.workspace.command(&verify.concat());
        let verified = self.workspace.run(&mut verify);
        assert_eq!(verified.code, Some(0), "{verified:?}");
        found
    }
}

impl Node {
    /// Whether it is ready. A node that has just been started does not listen yet.
    pub(crate) async fn is_ready(&self) -> bool {
        let request = self.api.request(hyper::Method::GET, "/healthz/ready");
        let response = self.api.try_send(request, "").await;
        response.is_ok_and(|response| response.status.is_success())
    }

    /// Waits until it is ready.
    pub(crate) async fn wait_ready(&self) {
        let what = format!("{} is ready", self.name);
        wait_until_async(&what, NODE_TIME_MAX, async || self.is_ready().await).await;
    }

    /// Disconnects the node from the database: nothing arrives, in either direction.
    pub(crate) fn lose_database(&self) {
        self.database.stall();
    }
}

fn shard_count() -> ShardCount {
    ShardCount::new(SHARDS).expect("in range")
}

/// The shard of an account, by its id.
pub(crate) fn shard_of(account: &str) -> ShardId {
    fritzy_testbed_shop::shard_of(account, shard_count())
}
