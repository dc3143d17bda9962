//! `fritzy events tail` next to running nodes and without one: existing events, new ones, and
//! exactly the rest from a cursor.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use fritzy_testbed::{
    ExitedProcess, NODE_TIME_MAX, NodeProcess, ServiceError, Workspace, shared_postgres,
    skip_unless,
};
use fritzy_testbed_shop::Api;
use serde_json::{Value, json};

/// From the response to a change until its event is printed. The tail polls every half second; the
/// rest is for a busy machine.
const SHOWN_WITHIN: Duration = Duration::from_secs(5);

/// A node's workspace, and the database of its commands.
struct Shop {
    workspace: Workspace,
    database: Vec<String>,
}

impl Shop {
    fn on_sqlite() -> Self {
        let (workspace, database) = (Workspace::new(), vec![]);
        Self {
            workspace,
            database,
        }
    }

    /// On a new database of the shared server.
    ///
    /// # Errors
    /// When this machine has no PostgreSQL.
    fn on_postgres() -> Result<Self, ServiceError> {
        let url = shared_postgres()?.fresh_database()?;
        Ok(Self {
            workspace: Workspace::new(),
            database: vec!["--database-url".into(), url],
        })
    }

    fn node(&self) -> NodeProcess {
        let arguments: Vec<&str> = self.database.iter().map(String::as_str).collect();
        self.workspace.node_with(&arguments)
    }

    fn start(&self, arguments: &[&str]) -> NodeProcess {
        let database = self.database.iter().map(String::as_str);
        let all: Vec<&str> = ["events", "tail"]
            .into_iter()
            .chain(database)
            .chain(arguments.iter().copied())
            .collect();
        self.workspace.spawn(&mut self.workspace.command(&all))
    }

    fn tail(&self, arguments: &[&str]) -> ExitedProcess {
        self.start(arguments).wait_exit(NODE_TIME_MAX)
    }

    /// The output lines of a tail that must succeed.
    fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let ended = self.tail(arguments);
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{ended:?}"
        );
        ended.stdout.lines().map(ToOwned::to_owned).collect()
    }

    /// The events that `--json` prints, and the last cursor.
    fn events(&self, arguments: &[&str]) -> (Vec<Value>, String) {
        let lines = self.lines(&[&["--json"], arguments].concat());
        events_in(&lines.join("\n"))
    }
}

/// The events in lines of JSON, which begin and end with a cursor; and the last cursor.
fn events_in(lines: &str) -> (Vec<Value>, String) {
    let lines = lines.lines();
    let lines = lines.map(|line| serde_json::from_str(line).expect("JSON"));
    let mut lines: Vec<Value> = lines.collect();
    let last = lines.pop().expect("a last line");
    let first = lines.remove(0);
    assert!(first["cursor"].is_string(), "{first}");
    let cursor = last["cursor"].as_str().expect("a cursor").to_owned();
    require_order(&lines);
    (lines, cursor)
}

/// Requires the positions of each shard without gaps.
fn require_order(events: &[Value]) {
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events {
        let number = |name: &str| event[name].as_u64().unwrap_or_else(|| panic!("{event}"));
        let (shard, position) = (number("shard"), number("position"));
        if let Some(before) = last.insert(shard, position) {
            assert_eq!(position, before + 1, "I2: {event}");
        }
    }
}

/// Creates accounts one after the other, and returns their ids.
async fn accounts(api: &Api, numbers: std::ops::Range<u32>) -> Vec<String> {
    let mut ids = Vec::new();
    for number in numbers {
        let document =
            format!(r#"mutation {{ createAccount(account: {{ name: "N{number}" }}) {{ id }} }}"#);
        ids.push(api.run(&document).await.text_at("/createAccount/id"));
    }
    ids
}

fn ids(events: &[Value]) -> Vec<String> {
    let id = |event: &Value| event["id"].as_str().expect("an id").to_owned();
    events.iter().map(id).collect()
}

async fn prints_what_is_there(shop: Shop) {
    let mut node = shop.node();
    let api = Api::at(node.address());
    let made = accounts(&api, 0..15).await;
    let lines = shop.lines(&[]);
    assert_eq!(lines.len(), 10, "the last ten: {lines:?}");
    for (line, id) in lines.iter().zip(&made[5..]) {
        let words: Vec<&str> = line.splitn(6, ' ').collect();
        assert_eq!(words[2..5], ["account.created", id, "v1"], "{line}");
        assert!(words[0].ends_with('Z') && words[1].contains(':'), "{line}");
        let data: Value = serde_json::from_str(words[5]).expect("JSON");
        assert_eq!(data["account_id"], json!(id));
    }
    assert_eq!(shop.lines(&["-n", "3"]), lines[7..]);
    assert_eq!(shop.lines(&["--from", "now"]), [""; 0]);
    let (all, _) = shop.events(&["--from", "start"]);
    assert_eq!(ids(&all), made, "in the order of their moments");
    let at = all[12]["at"].as_str().expect("a timestamp");
    let (since, _) = shop.events(&["--from", at]);
    assert_eq!(since, all[12..]);
    for name in [
        "event_id",
        "command_id",
        "entity",
        "type",
        "version",
        "data",
    ] {
        assert!(!all[0][name].is_null(), "{name} in {}", all[0]);
    }
    node.terminate();
    assert_eq!(node.wait_exit(NODE_TIME_MAX).code, Some(0));
    let (without_a_node, _) = shop.events(&["--from", "start"]);
    assert_eq!(without_a_node, all);
}

async fn follows_and_outlives_the_node(shop: Shop) {
    let mut node = shop.node();
    let api = Api::at(node.address());
    let made = accounts(&api, 0..3).await;
    let mut tail = shop.start(&["--json", "--follow"]);
    tail.wait_for_stdout(&made[2], NODE_TIME_MAX);
    let document = r#"mutation { createProduct(product: { name: "Lamp", description: "", price: 1 }) { id } }"#;
    let product = api.run(document).await.text_at("/createProduct/id");
    let document = format!(
        r#"mutation {{ createOrder(order: {{ accountId: "{}", products: [{{ productId: "{product}", quantity: 2 }}] }}) {{ id }} }}"#,
        made[0]
    );
    let order = api.run(&document).await.text_at("/createOrder/id");
    let acknowledged = Instant::now();
    tail.wait_for_stdout(&format!(r#""order_id":"{order}""#), SHOWN_WITHIN);
    assert!(acknowledged.elapsed() < SHOWN_WITHIN);
    node.kill();
    // Another node continues where the killed one stopped, and so does the tail.
    let mut node = shop.node();
    let more = accounts(&Api::at(node.address()), 3..6).await;
    tail.wait_for_stdout(&more[2], SHOWN_WITHIN);
    node.terminate();
    assert_eq!(
        node.wait_exit(NODE_TIME_MAX).code,
        Some(0),
        "nobody holds it up"
    );
    tail.interrupt();
    let ended = tail.wait_exit(NODE_TIME_MAX);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let (events, _) = events_in(&ended.stdout);
    let expected = [&made[..], &[product, order], &more].concat();
    assert_eq!(ids(&events), expected, "each once");
}

async fn goes_on_from_a_cursor_with_exactly_the_rest(shop: Shop) {
    let mut node = shop.node();
    let api = Api::at(node.address());
    let first = accounts(&api, 0..20).await;
    let (events, cursor) = shop.events(&["--from", "start"]);
    assert_eq!(ids(&events), first);
    // A killed tail prints no last cursor: the first one and the processed lines make up for it.
    let mut tail = shop.start(&["--json", "--follow", "--from", &cursor]);
    let second = accounts(&api, 20..30).await;
    tail.wait_for_stdout(&second[9], NODE_TIME_MAX);
    let said = tail.stdout().to_owned();
    tail.kill();
    let mut lines = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let begin: Value = lines.next().expect("a first line");
    let begin = begin["cursor"].as_str().expect("a cursor");
    assert_eq!(begin, cursor);
    let places = begin.split(',').filter_map(|place| place.split_once(':'));
    let mut places: BTreeMap<String, String> = places
        .map(|(shard, position)| (shard.into(), position.into()))
        .collect();
    let handled: Vec<Value> = lines.take(6).collect();
    assert_eq!(ids(&handled), second[..6]);
    for event in handled {
        places.insert(event["shard"].to_string(), event["position"].to_string());
    }
    let places = places.iter();
    let places: Vec<String> = places
        .map(|(shard, position)| format!("{shard}:{position}"))
        .collect();
    let file = shop.workspace.outside("cursor");
    fs::write(&file, places.join(",")).expect("written");
    let at_file = format!("@{}", file.display());
    let (rest, end) = shop.events(&["--from", &at_file]);
    assert_eq!(ids(&rest), second[6..]);
    assert_eq!(shop.events(&["--from", &end]), (vec![], end));
    node.terminate();
    assert_eq!(node.wait_exit(NODE_TIME_MAX).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_tail_prints_existing_events() {
    prints_what_is_there(Shop::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_tail_follows_and_survives_the_node() {
    follows_and_outlives_the_node(Shop::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_tail_continues_exactly_from_a_cursor() {
    goes_on_from_a_cursor_with_exactly_the_rest(Shop::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_tail_prints_existing_events() {
    let shop = skip_unless!(Shop::on_postgres());
    prints_what_is_there(shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_tail_follows_and_survives_the_node() {
    let shop = skip_unless!(Shop::on_postgres());
    follows_and_outlives_the_node(shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_tail_continues_exactly_from_a_cursor() {
    let shop = skip_unless!(Shop::on_postgres());
    goes_on_from_a_cursor_with_exactly_the_rest(shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_with_closed_stdout_exits_in_order() {
    let shop = Shop::on_sqlite();
    let mut node = shop.node();
    let api = Api::at(node.address());
    let mut command = shop.workspace.command(&["events", "tail", "--follow"]);
    let mut tail = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(tail.stdout.take());
    accounts(&api, 0..1).await;
    let ended = tail.wait_with_output().expect("ends");
    assert_eq!((ended.status.code(), ended.stderr), (Some(0), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_with_full_stdout_stops_on_sigint() {
    let shop = Shop::on_sqlite();
    let mut node = shop.node();
    let api = Api::at(node.address());
    // More than a pipe holds, which is 64 KiB.
    accounts(&api, 0..400).await;
    let arguments = ["events", "tail", "--follow", "--from", "start"];
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = shop.workspace.command(&arguments);
    let mut tail = command.stdout(writer).spawn().expect("starts");
    // It has begun to write, and is blocked.
    reader.read_exact(&mut [0]).expect("a first byte");
    let asked = Command::new("kill")
        .args(["-INT", &tail.id().to_string()])
        .status();
    assert!(asked.expect("kill exists").success());
    let (ended, status) = mpsc::channel();
    std::thread::spawn(move || ended.send(tail.wait()));
    let status = status.recv_timeout(NODE_TIME_MAX).expect("it ends");
    assert_eq!(status.expect("a child").code(), Some(0));
    drop(reader);
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_errors_are_one_line_with_a_remedy() {
    let shop = Shop::on_sqlite();
    let refused = |arguments: &[&str], parts: &[&str]| {
        let ended = shop.tail(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        for part in parts {
            assert!(ended.stderr.contains(part), "{part} in {ended:?}");
        }
        ended.stdout
    };
    refused(&[], &["there is no database", "--data-dir"]);
    refused(&["--from", "yesterday"], &["yesterday", "--help"]);
    refused(&["--from", "now", "-n", "5"], &["--from", "--lines"]);
    refused(&["-n", "10001"], &["10001", "0..=10000"]);
    let nowhere = "postgres://nobody@127.0.0.1:1/none";
    refused(
        &["--database-url", nowhere],
        &["127.0.0.1:1", "Check DATABASE_URL"],
    );
    let mut node = shop.node();
    accounts(&Api::at(node.address()), 0..1).await;
    let foreign = ["--json", "--from", "3:7"];
    let parts = [
        "shard 3 ends at position",
        "the cursor is at 7",
        "--from start",
    ];
    let said = refused(&foreign, &parts);
    assert!(said.ends_with("{\"cursor\":\"3:7\"}\n"), "{said}");
    let data = shop.workspace.current().join("data");
    fs::write(
        data.join("no.db"),
        "nothing of ours, but as long as a page of it",
    )
    .expect("written");
    fs::create_dir(shop.workspace.current().join("other")).expect("a folder");
    let copied = fs::rename(
        data.join("no.db"),
        shop.workspace.current().join("other/fritzy.db"),
    );
    copied.expect("moved");
    refused(&["--data-dir", "other"], &["is not a database of fritzy"]);
}
