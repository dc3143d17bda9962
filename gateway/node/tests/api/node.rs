//! A real node inside the test's process, with its own directory.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use fritzy_domain::Currency;
use fritzy_node::{Node, Settings};
use fritzy_testbed::{TestPostgres, shared_postgres};
use fritzy_testbed_shop::Api;
use fritzy_types::ShardCount;
use hyper::Method;
use tempfile::TempDir;

/// A file of the page at `/`, of some kilobytes.
pub(crate) const PAGE_FILE: &str = "/explorer/style/frame.css";

/// A running node, with a client of its API.
pub(crate) struct TestNode {
    pub(crate) api: Api,
    node: Node,
    workspace: StoppedNode,
}

/// A stopped node: its settings, and its directory with all data.
pub(crate) struct StoppedNode {
    settings: Settings,
    /// Both are removed with the last use of the node.
    _folder: TempDir,
    _database: Option<Database>,
}

/// A database for the node on PostgreSQL, if `FRITZY_TEST_API_STORE=postgres`.
struct Database {
    server: TestPostgres,
    url: String,
}

impl Database {
    fn if_asked_for() -> Option<Self> {
        let store = std::env::var("FRITZY_TEST_API_STORE").ok()?;
        assert_eq!(store, "postgres", "FRITZY_TEST_API_STORE");
        let server = shared_postgres().expect("a server");
        let url = server.fresh_database().expect("a database");
        Some(Self { server, url })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // What cannot be dropped is removed with the server.
        let _ = self.server.drop_database(&self.url);
    }
}

impl TestNode {
    /// Starts a node with default settings, but few shards, so that hundreds of nodes are cheap.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a node with some settings changed.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let database = Database::if_asked_for();
        let mut settings = settings(folder.path());
        settings.database_url = database
            .as_ref()
            .map(|database| database.url.parse().expect("an address"));
        change(&mut settings);
        let workspace = StoppedNode {
            settings,
            _folder: folder,
            _database: database,
        };
        workspace.start().await
    }

    /// Statements that have read the database, since the node was started.
    pub(crate) async fn read_statements(&self) -> u64 {
        let request = self.api.request(Method::GET, "/metrics");
        let text = self.api.send(request, "").await.text;
        let name = "fritzy_read_statements_total ";
        let count = text.lines().find_map(|line| line.strip_prefix(name));
        count.expect("the metric").parse().expect("a number")
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.node.address()
    }

    /// Stops the node in order.
    pub(crate) async fn stop(self) -> StoppedNode {
        self.node.stop().await;
        self.workspace
    }

    /// Stops the node, and starts another one on its data.
    pub(crate) async fn restart(self) -> Self {
        self.stop().await.start().await
    }
}

impl StoppedNode {
    /// Starts a node on the data of the last one.
    pub(crate) async fn start(self) -> TestNode {
        let node = Node::start(self.settings.clone())
            .await
            .expect("the node starts");
        TestNode {
            api: Api::at(node.address()),
            node,
            workspace: self,
        }
    }
}

/// The declared defaults, but on a free port, in `folder`, with few shards, and with long timeouts,
/// so that a busy machine does not cause failures.
fn settings(folder: &Path) -> Settings {
    let declared = Settings::augment_args(Command::new("node"));
    let mut defaults = declared.get_matches_from(["node"]);
    Settings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
        data_dir: folder.join("data"),
        database_url: None,
        database_replica_url: None,
        kafka_brokers: None,
        shards: ShardCount::new(16).expect("16 shards"),
        currency: Currency::USD,
        cluster: fritzy_node::ClusterSettings::default(),
        cors_origins: Vec::new(),
        request_timeout_ms: 60_000,
        body_bytes_max: 1_048_576,
        shutdown_grace_ms: 60_000,
        port_file: None,
        ..Settings::from_arg_matches_mut(&mut defaults).expect("defaults are sound")
    }
}
