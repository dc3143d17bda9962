//! Nodes of one cluster, and `fritzy cluster` against them.

use std::time::{Duration, Instant};

use fritzy_persistence::{PostgresConfig, Sharing, Stores};
use fritzy_types::{ClusterState, ShardCount};
use serde_json::Value;
use tokio::time::sleep;

use crate::client::Api;
use crate::database::Database;
use crate::node_process::{Ended, Ground, NodeProcess};

/// What their endpoints ask for.
pub(crate) const TOKEN: &str = "the token of operators";
/// For shards to be where they should be: nodes must be the same for some seconds first.
pub(crate) const SETTLED_MAX: Duration = Duration::from_secs(60);

/// Nodes on one database, each with its endpoint.
pub(crate) struct Cluster {
    pub(crate) ground: Ground,
    database: Database,
    /// Each with the address of its endpoint.
    pub(crate) nodes: Vec<(NodeProcess, String)>,
}

impl Cluster {
    /// `None` where this machine has no PostgreSQL.
    pub(crate) fn start(test: &str, nodes: usize) -> Option<Self> {
        let mut cluster = Self {
            ground: Ground::new(),
            database: Database::postgres(test)?,
            nodes: Vec::new(),
        };
        for number in 1..=nodes {
            cluster.add(&format!("node-{number}"));
        }
        Some(cluster)
    }

    /// One node more.
    pub(crate) fn add(&mut self, name: &str) {
        let mut arguments = self.database.arguments();
        let further = [
            "--cluster-listen",
            "127.0.0.1:0",
            "--cluster-cookie",
            "the cookie of nodes",
            "--admin-listen",
            "127.0.0.1:0",
            "--admin-token",
            TOKEN,
            "--node-name",
            name,
        ];
        arguments.extend(further.map(str::to_owned));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let node = self.ground.node_with(&arguments);
        let url = format!("http://{}", admin_address(&node.log()));
        self.nodes.push((node, url));
    }

    /// The API of one of them.
    pub(crate) fn api(&mut self, node: usize) -> Api {
        Api::at(self.nodes[node].0.address())
    }

    /// Runs `fritzy cluster …` against one of the nodes.
    pub(crate) fn cluster(&self, node: usize, arguments: &[&str]) -> Ended {
        let all = [&["cluster"], arguments].concat();
        let mut command = self.ground.command(&all);
        command
            .env("FRITZY_ADMIN_URL", &self.nodes[node].1)
            .env("FRITZY_ADMIN_TOKEN", TOKEN);
        self.ground.run(&mut command)
    }

    /// What it prints, of one that goes well.
    pub(crate) fn told(&self, node: usize, arguments: &[&str]) -> String {
        let ended = self.cluster(node, arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr, "", "{arguments:?}: {ended:?}");
        ended.stdout
    }

    /// What it answers for programs.
    pub(crate) fn json(&self, node: usize, arguments: &[&str]) -> Value {
        let text = self.told(node, &[arguments, &["--json"]].concat());
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The tables of nodes and shards.
    pub(crate) async fn table(&self) -> ClusterState {
        let Database::Postgres(server) = &self.database else {
            unreachable!("clusters are on PostgreSQL")
        };
        let stores = Stores::open_postgres(PostgresConfig {
            shards: ShardCount::new(8).expect("in range"),
            sharing: Sharing::Cluster,
            ..PostgresConfig::new(server.url("postgres"))
        });
        let stores = stores.await.expect("it opens");
        let membership = stores.membership.clone().expect("on PostgreSQL");
        let look = membership.read_state(None, &[]).await.expect("readable");
        stores.close().await;
        look.state.expect("the whole of it")
    }

    /// Waits until a status is as it should be.
    pub(crate) async fn settled(&self, node: usize, is_settled: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.json(node, &["status"]);
            if is_settled(&status) {
                return status;
            }
            assert!(began.elapsed() < SETTLED_MAX, "{status:#}");
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Where a node listens for operators, by its log.
fn admin_address(log: &str) -> String {
    let entries = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut addresses = entries
        .filter(|entry| entry["message"] == "listening for operators")
        .filter_map(|entry| entry["address"].as_str().map(str::to_owned));
    addresses
        .next()
        .unwrap_or_else(|| panic!("no address for operators: {log}"))
}
