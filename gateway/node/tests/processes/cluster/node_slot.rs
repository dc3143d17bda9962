//! Places for nodes with settings as clusters have them: nothing between them, and as many shards as there are by default.

use std::net::{Ipv4Addr, SocketAddr};

use fritzy_persistence::{PostgresConfig as StoreConfig, Sharing, Stores};
use fritzy_testbed::{PostgresConfig, PostgresServer, free_port, skipped};
use fritzy_types::{ClusterState, NodeId, ShardId};

use crate::node_process::{Ground, NodeProcess};

/// A place for a node: it comes back under its name and its addresses.
pub(crate) struct Seat {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    ground: Ground,
    arguments: Vec<String>,
}

impl Seat {
    pub(crate) fn new(number: usize, database: &str) -> Self {
        let (address, cluster) = (free_address(), free_address());
        let name = format!("n{number}");
        let arguments = [
            ("--listen", address.to_string()),
            ("--cluster-listen", cluster.to_string()),
            ("--cluster-cookie", "the cookie of a rolling test".into()),
            ("--node-name", name.clone()),
            ("--database-url", database.to_owned()),
            ("--unready-ms", "1000".into()),
        ];
        let arguments = arguments.map(|(name, value)| [name.to_owned(), value]);
        Self {
            name,
            address,
            ground: Ground::new(),
            arguments: arguments.concat(),
        }
    }

    /// The same with a further setting.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Starts the node; when this returns, it serves.
    pub(crate) fn start(&self) -> NodeProcess {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut node = self.ground.spawn(&mut self.ground.command(&arguments));
        node.address();
        node
    }
}

/// An address of this machine that nobody listens at.
pub(crate) fn free_address() -> SocketAddr {
    let port = free_port().expect("a free port");
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A server of the test's own; `None` where this machine has no PostgreSQL.
pub(crate) fn postgres(test: &str) -> Option<PostgresServer> {
    match PostgresServer::start(PostgresConfig::shared_by_tests()) {
        Ok(postgres) => Some(postgres),
        Err(missing) if missing.is_missing() => {
            skipped(test, &missing.to_string());
            None
        }
        Err(failure) => panic!("{failure}"),
    }
}

/// The tables of nodes and shards.
pub(crate) async fn tables(database: &str) -> ClusterState {
    let config = StoreConfig {
        sharing: Sharing::Cluster,
        ..StoreConfig::new(database)
    };
    let stores = Stores::open_postgres(config).await.expect("it opens");
    let membership = stores.membership.clone().expect("on PostgreSQL");
    let look = membership.read_state(None, &[]).await.expect("readable");
    stores.close().await;
    look.state.expect("the whole of it")
}

/// The present run of a node, and its shards.
pub(crate) fn run_of(tables: &ClusterState, name: &str) -> Option<(NodeId, Vec<ShardId>)> {
    let mut alive = tables.nodes.iter().filter(|record| !record.fenced);
    let run = alive.find(|record| record.node.name == name)?.node.id;
    let owned = tables.shards.iter().filter(|row| row.owner == Some(run));
    Some((run, owned.map(|row| row.shard).collect()))
}
