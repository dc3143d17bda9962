//! The real orders on a real node, which is killed in the middle of them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fritzy_bench::replay::{
    OrderBook, ReplayOptions, ReplayOutcome, ReplayProgress, Totals, replay,
};
use fritzy_bench::{Cents, GraphqlClient};
use fritzy_testbed::{
    ExitedProcess, NODE_TIME_MAX, NodeProcess, PostgresConfig, PostgresServer, Workspace,
    node_binary, skip_unless,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The totals of the real orders.
const SAMPLE: Totals = Totals {
    accounts: 2357,
    products: 1456,
    orders: 6919,
    units: 16_479,
    total: Cents::new(24_409_194),
};

const POLL_EVERY: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread")]
async fn i1_killed_node_keeps_each_order_once() {
    replay_through_faults(Node::start(None), || {}).await;
}

/// The node is killed, and then its database crashes.
#[tokio::test(flavor = "multi_thread")]
async fn i1_killed_node_and_crashed_postgres_keep_each_order_once() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::default()));
    let node = Node::start(Some(server.url("postgres")));
    replay_through_faults(node, || {
        server.stop_immediate().expect("stops");
        server.restart().expect("starts");
    })
    .await;
    let verified = Command::new(node_binary())
        .args(["journal", "verify", "--database-url"])
        .arg(server.url("postgres"))
        .output()
        .expect("it runs");
    assert!(verified.status.success(), "{verified:?}");
}

/// Replays the real orders; kills the node after a third of them, and causes `fault` after two
/// thirds.
async fn replay_through_faults(mut node: Node, fault: impl Fn()) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/orders_sample.csv");
    let book = OrderBook::open(&path).expect("the sample is valid");
    assert_eq!(book.totals(), SAMPLE);
    let options = ReplayOptions {
        url: format!("http://127.0.0.1:{}/graphql", node.port),
        // A killed node reads its journal when it restarts; the duration of that is not tested
        // here.
        retry_for: NODE_TIME_MAX * 2,
        ..ReplayOptions::default()
    };

    let progress = ReplayProgress::new();
    // If the replay fails, the other future must not wait for its orders.
    let both = tokio::try_join!(replay(&book, &options, &progress), async {
        kill_within_the_orders(&mut node, &progress).await;
        wait_for(&progress, SAMPLE.orders * 2 / 3).await;
        tokio::task::block_in_place(&fault);
        Ok(())
    });
    let (first, ()) = both.expect("the replay continues on the restarted node");
    assert_reconciled(&first);
    assert!(first.report.retries > 0, "the kill caused retries");
    let held = listed_ids(&options.url).await;
    assert_eq!(
        held.0,
        sorted(&first.ids.accounts),
        "only the accounts of the file"
    );
    assert_eq!(
        held.1,
        sorted(&first.ids.products),
        "only the products of the file"
    );

    let second = replay(&book, &options, &ReplayProgress::new()).await;
    let second = second.expect("the node works");
    // Each account's complete list was read again, so this counts every order.
    assert_reconciled(&second);
    assert!(second.ids == first.ids, "the keys return the same ids");
    assert!(listed_ids(&options.url).await == held, "nothing was added");

    let ended = node.terminate();
    assert_eq!(ended.code, Some(0), "SIGTERM ends a node in order");
}

/// Kills the node when a third of the orders are acknowledged, and restarts it on the same port and
/// data.
async fn kill_within_the_orders(node: &mut Node, progress: &ReplayProgress) {
    wait_for(progress, SAMPLE.orders / 3).await;
    node.kill();
    let acknowledged = progress.orders_acknowledged();
    assert!(
        acknowledged < SAMPLE.orders,
        "the kill is before the last order"
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    node.restart();
}

async fn wait_for(progress: &ReplayProgress, orders: usize) {
    while progress.orders_acknowledged() < orders {
        tokio::time::sleep(POLL_EVERY).await;
    }
}

fn assert_reconciled(outcome: &ReplayOutcome) {
    let report = &outcome.report;
    assert!(
        report.reconciled(),
        "{report}\n{:#?}",
        report.differences.named()
    );
    assert_eq!(report.read, SAMPLE);
}

/// The sorted ids of all accounts and of all products on the node. A replay reads by id, and would
/// not detect an account that was created twice.
async fn listed_ids(url: &str) -> (Vec<String>, Vec<String>) {
    let client = GraphqlClient::new(url).expect("a URL");
    let accounts =
        "query AllAccounts($page: PaginationInput) { entries: accounts(pagination: $page) { id } }";
    let products =
        "query AllProducts($page: PaginationInput) { entries: products(pagination: $page) { id } }";
    (
        all_pages(&client, accounts).await,
        all_pages(&client, products).await,
    )
}

async fn all_pages(client: &GraphqlClient, document: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Page {
        entries: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        id: String,
    }
    const TAKE: usize = 100;
    let mut ids = Vec::new();
    for skip in (0..).step_by(TAKE) {
        let page = format!(r#"{{"page":{{"skip":{skip},"take":{TAKE}}}}}"#);
        let variables = RawValue::from_string(page).expect("JSON");
        let deadline = tokio::time::Instant::now() + NODE_TIME_MAX;
        let response = client.execute(document, &variables, deadline).await;
        let page: Page = response.expect("a response").decode().expect("a page");
        let length = page.entries.len();
        ids.extend(page.entries.into_iter().map(|entry| entry.id));
        if length < TAKE {
            break;
        }
    }
    sorted(&ids)
}

fn sorted(ids: &[String]) -> Vec<String> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

/// A node in its own directory. A failed test shows the end of its log.
struct Node {
    workspace: Workspace,
    /// `None` only while it is killed.
    process: Option<NodeProcess>,
    port: u16,
    database_url: Option<String>,
}

impl Node {
    /// Starts on a free port and waits until it listens. Without a database it keeps its data in its
    /// directory.
    fn start(database_url: Option<String>) -> Self {
        let mut node = Self {
            workspace: Workspace::new(),
            process: None,
            port: 0,
            database_url,
        };
        let mut process = node.spawn();
        node.port = process.address().port();
        node.process = Some(process);
        node
    }

    fn spawn(&self) -> NodeProcess {
        let mut command = self.workspace.command(&[]);
        command.args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        if let Some(url) = &self.database_url {
            command.args(["--database-url", url]);
        }
        self.workspace.spawn(&mut command)
    }

    fn kill(&mut self) {
        self.process.take().expect("a running node").kill();
    }

    /// Restarts on the same port and data without waiting, because the replay retries.
    fn restart(&mut self) {
        self.process = Some(self.spawn());
    }

    fn terminate(mut self) -> ExitedProcess {
        let process = self.process.take().expect("a running node");
        process.terminate();
        process.wait_exit(NODE_TIME_MAX)
    }
}
