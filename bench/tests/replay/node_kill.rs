//! The real thing: the real orders on a real node, which is killed in the middle of them.

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

/// What the real orders add up to.
const SAMPLE: Totals = Totals {
    accounts: 2357,
    products: 1456,
    orders: 6919,
    units: 16_479,
    total: Cents::new(24_409_194),
};

/// Time for a node to listen, and time for it to end: a debug build on a busy machine needs seconds of it.
const NODE_TIME_MAX: Duration = Duration::from_secs(60);

const POLL_EVERY: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_loses_and_doubles_nothing() {
    replay_through_faults(Node::start(None), || {}).await;
}

/// The node is killed as well, and then its database crashes.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_and_a_crashed_postgresql_lose_and_double_nothing() {
    let test = "a_killed_node_and_a_crashed_postgresql_lose_and_double_nothing";
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

/// Replays the real orders; kills the node at a third of them, and makes a further fault at two thirds.
async fn replay_through_faults(mut node: Node, fault: impl Fn()) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/orders_sample.csv");
    let book = OrderBook::open(&path).expect("the sample is sound");
    assert_eq!(book.totals(), SAMPLE);
    let options = ReplayOptions {
        url: format!("http://127.0.0.1:{}/graphql", node.port),
        // A killed node reads its journal when it starts again; how long that takes is not what is tested here.
        retry_for: NODE_TIME_MAX * 2,
        ..ReplayOptions::default()
    };

    let progress = ReplayProgress::new();
    // A replay that fails must not leave the other side waiting for its orders.
    let both = tokio::try_join!(replay(&book, &options, &progress), async {
        kill_within_the_orders(&mut node, &progress).await;
        wait_for(&progress, SAMPLE.orders * 2 / 3).await;
        tokio::task::block_in_place(&fault);
        Ok(())
    });
    let (first, ()) = both.expect("a restarted node goes on");
    require_reconciled(&first);
    assert!(first.report.retries > 0, "the kill was noticed");
    let held = listed_ids(&options.url).await;
    assert_eq!(
        held.0,
        sorted(&first.ids.accounts),
        "no account beside the file's"
    );
    assert_eq!(
        held.1,
        sorted(&first.ids.products),
        "no product beside the file's"
    );

    let second = replay(&book, &options, &ReplayProgress::new()).await;
    let second = second.expect("a sound node");
    // Each account's whole list was read again, so this counts every order there is.
    require_reconciled(&second);
    assert!(second.ids == first.ids, "the keys answer the same ids");
    assert!(listed_ids(&options.url).await == held, "nothing was added");

    let ended = node.terminate();
    assert_eq!(ended.code(), Some(0), "SIGTERM ends a node in order");
}

/// Kills the node when a third of the orders are acknowledged, and starts it again on the same port and data.
async fn kill_within_the_orders(node: &mut Node, progress: &ReplayProgress) {
    wait_for(progress, SAMPLE.orders / 3).await;
    node.kill();
    let acknowledged = progress.orders_acknowledged();
    assert!(acknowledged < SAMPLE.orders, "the kill came in the middle");
    tokio::time::sleep(Duration::from_millis(500)).await;
    node.restart();
}

async fn wait_for(progress: &ReplayProgress, orders: usize) {
    while progress.orders_acknowledged() < orders {
        tokio::time::sleep(POLL_EVERY).await;
    }
}

fn require_reconciled(outcome: &ReplayOutcome) {
    let report = &outcome.report;
    assert!(
        report.reconciled(),
        "{report}\n{:#?}",
        report.differences.named()
    );
    assert_eq!(report.read, SAMPLE);
}

/// The ids of all accounts and of all products the node has, sorted. A replay reads by id, and would not see an
/// account that was made twice.
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
        let answer = client.execute(document, &variables, deadline).await;
        let page: Page = answer.expect("an answer").decode().expect("a page");
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

/// A node process on its own directory. It ends with this value, and a failed test shows the end of its log.
struct Node {
    child: Child,
    port: u16,
    files: TempDir,
    database_url: Option<String>,
}

impl Node {
    /// Starts on a free port and waits until it listens. Without a database it keeps its data in its directory.
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

    /// The port from the port file, which the node writes once it listens.
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
            sleep(POLL_EVERY);
        }
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("a child");
    }

    /// Starts it again on the same port and data, and does not wait: that is the replay's part.
    fn restart(&mut self) {
        self.child = spawn(self.files.path(), self.port, self.database_url.as_deref());
    }

    /// SIGTERM, and how it ended.
    fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill exists").success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            assert!(began.elapsed() < NODE_TIME_MAX, "SIGTERM does not end it");
            sleep(POLL_EVERY);
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
            let _ = writeln!(stderr(), "--- the end of the node's log ---\n{text}");
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
