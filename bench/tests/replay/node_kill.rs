//! The real orders on a real node, which is killed during their creation.

use std::fs::{self, File};
use std::io::{Write, stderr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fritzy_bench::replay::{
    OrderBook, ReplayOptions, ReplayOutcome, ReplayProgress, Totals, replay,
};
use fritzy_bench::{Cents, GraphqlClient};
use fritzy_testbed::{PostgresConfig, PostgresServer, ServiceError, skipped};
use serde::Deserialize;
use serde_json::value::RawValue;
use tempfile::TempDir;

use crate::node_binary::node_binary;

/// The totals of the real orders.
const SAMPLE: Totals = Totals {
    accounts: 2357,
    products: 1456,
    orders: 6919,
    units: 16_479,
    total: Cents::new(24_409_194),
};

/// The time limit for a node to listen and to end: a debug build on a busy machine needs seconds.
const NODE_TIME_MAX: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread")]
async fn i1_killed_node_keeps_each_order_once() {
    replay_through_faults(Node::start(None), || {}).await;
}

/// The node is killed, and then its database crashes.
#[tokio::test(flavor = "multi_thread")]
async fn i1_killed_node_and_crashed_postgres_keep_each_order_once() {
    let test = "i1_killed_node_and_crashed_postgres_keep_each_order_once";
    let server = match PostgresServer::start(PostgresConfig::default()) {
        Ok(server) => server,
        Err(missing @ ServiceError::Missing { .. }) => return skipped(test, &missing.to_string()),
        Err(failure) => panic!("{failure}"),
    };
    let node = Node::start(Some(server.url("postgres")));
    replay_through_faults(node, || {
        server.stop_immediate().expect("stops");
        server.start_again().expect("starts");
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
    assert_eq!(ended.code(), Some(0), "SIGTERM stops a node gracefully");
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
        tokio::time::sleep(POLL_INTERVAL).await;
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

/// A node process with its own directory; killed when dropped. A failed test prints the end of its
/// log.
struct Node {
    child: Child,
    port: u16,
    files: TempDir,
    database_url: Option<String>,
}

impl Node {
    /// Starts on a free port and waits until it listens. Without a database its data is in its
    /// directory.
    fn start(database_url: Option<String>) -> Self {
        let files = TempDir::new().expect("a directory");
        fs::create_dir(files.path().join("data")).expect("another");
        let child = spawn(files.path(), 0, database_url.as_deref());
        let mut node = Self {
            child,
            port: 0,
            files,
            database_url,
        };
        node.port = node.listened_port();
        node
    }

    /// Waits for the port file, which the node writes once it listens.
    fn listened_port(&mut self) -> u16 {
        let began = Instant::now();
        loop {
            let text = fs::read_to_string(self.files.path().join("port")).unwrap_or_default();
            if let Ok(port) = text.trim().parse() {
                return port;
            }
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("the node ended before it listened: {status}");
            }
            assert!(began.elapsed() < NODE_TIME_MAX, "the node does not listen");
            sleep(POLL_INTERVAL);
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("a child");
    }

    /// Restarts on the same port and data without waiting, because the replay retries.
    fn restart(&mut self) {
        self.child = spawn(self.files.path(), self.port, self.database_url.as_deref());
    }

    /// Sends SIGTERM and returns the exit status.
    fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill exists").success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(
                began.elapsed() < NODE_TIME_MAX,
                "SIGTERM does not stop the node"
            );
            sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read(self.files.path().join("node.log")).unwrap_or_default();
            let end = &log[log.len().saturating_sub(8 * 1024)..];
            let text = String::from_utf8_lossy(end);
            let _ = writeln!(stderr(), "--- end of the node's log ---\n{text}");
        }
    }
}

fn spawn(files: &Path, port: u16, database_url: Option<&str>) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(files.join("node.log"));
    let log = log.expect("a log");
    Command::new(node_binary())
        .arg("--listen")
        .arg(format!("127.0.0.1:{port}"))
        .arg("--data-dir")
        .arg(files.join("data"))
        .arg("--port-file")
        .arg(files.join("port"))
        .args(database_url.map(|url| format!("--database-url={url}")))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("the node starts")
}
