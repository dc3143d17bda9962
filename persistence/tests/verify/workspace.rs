//! A database that a real node made, copies of it with planted faults, and what the binary reports
//! about them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Output};
use std::sync::OnceLock;

use fritzy_testbed::{self as testbed, NODE_TIME_MAX, node_binary};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use tempfile::TempDir;

/// Few shards, so that each has several events.
const SHARDS: &str = "4";

/// Returns the database file of a stopped node, made once for all tests of this run.
fn base() -> &'static [u8] {
    static BASE: OnceLock<Vec<u8>> = OnceLock::new();
    BASE.get_or_init(|| {
        let folder = testbed::Workspace::new();
        fill(&folder, &["--data-dir", "."]);
        fs::read(folder.current().join("fritzy.db")).expect("a closed database is one file")
    })
}

/// A copy of the database, to plant faults into.
pub(crate) struct Workspace {
    folder: TempDir,
    connection: SqliteConnection,
}

/// A violation that must be reported: its kind, and what its location must contain.
pub(crate) struct Expected(&'static str, Value);

impl Workspace {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("fritzy.db");
        let base = tokio::task::spawn_blocking(base).await.expect("no panic");
        fs::write(&file, base).expect("written");
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .foreign_keys(false);
        let connection = SqliteConnection::connect_with(&options).await;
        Self {
            folder,
            connection: connection.expect("opens"),
        }
    }

    /// Returns the first value of a statement's result, as text.
    pub(crate) async fn query(&mut self, statement: &str) -> String {
        let row = sqlx::query(AssertSqlSafe(statement.to_owned()))
            .fetch_one(&mut self.connection)
            .await
            .unwrap_or_else(|failure| panic!("{failure}: {statement}"));
        row.try_get_unchecked(0).expect("a text")
    }

    /// Makes a violation at a location that is read from the database as it is now. `location` has
    /// pairs of a name and a value, as `json_object` takes them, and after ` OF ` the table they
    /// are selected from.
    pub(crate) async fn at(&mut self, kind: &'static str, location: &str) -> Expected {
        let (pairs, from) = location.split_once(" OF ").unwrap_or((location, ""));
        let from = if from.is_empty() {
            String::new()
        } else {
            format!(" FROM {from}")
        };
        let found = self
            .query(&format!("SELECT json_object({pairs}){from}"))
            .await;
        Expected(kind, serde_json::from_str(&found).expect("JSON"))
    }

    /// Plants a fault; every statement that changes rows must change at least one.
    pub(crate) async fn plant(&mut self, statements: &[&str]) {
        for statement in statements {
            let done = sqlx::query(AssertSqlSafe((*statement).to_owned()))
                .execute(&mut self.connection)
                .await
                .unwrap_or_else(|failure| panic!("{failure}: {statement}"));
            let changes = ["UPDATE", "INSERT", "DELETE"];
            if changes.iter().any(|verb| statement.starts_with(verb)) {
                assert!(done.rows_affected() > 0, "nothing changed: {statement}");
            }
        }
    }

    /// Runs `fritzy journal verify` on the copy, with further arguments.
    pub(crate) async fn verify(&mut self, arguments: &[&str]) -> Output {
        let folder = self.folder.path().to_owned();
        let folder = folder.to_str().expect("UTF-8");
        let first = ["journal", "verify", "--data-dir", folder];
        let all = [&first[..], arguments];
        let mut command = fritzy(&all.concat());
        tokio::task::spawn_blocking(move || command.output().expect("the binary starts"))
            .await
            .expect("no panic")
    }

    pub(crate) async fn report(&mut self, arguments: &[&str]) -> Value {
        let output = self.verify(&[&["--json"], arguments].concat()).await;
        let report = serde_json::from_slice(&output.stdout);
        let report: Value = report.unwrap_or_else(|failure| panic!("{failure}: {output:?}"));
        let clean = report["violations_total"] == 0;
        assert_eq!(output.status.code(), Some(i32::from(!clean)), "{report}");
        report
    }

    /// Requires that exactly these violations are reported, in any order.
    pub(crate) async fn require(&mut self, expected: &[Expected]) {
        let report = self.report(&[]).await;
        let mut found = report["violations"].as_array().expect("a list").clone();
        for Expected(kind, location) in expected {
            let location = location.as_object().expect("an object");
            let matches = |violation: &Value| {
                violation["kind"] == *kind
                    && location
                        .iter()
                        .all(|(name, value)| violation["where"][name] == *value)
            };
            let Some(at) = found.iter().position(matches) else {
                panic!("no {kind} at {location:?}: {report:#}");
            };
            found.remove(at);
        }
        assert!(found.is_empty(), "not planted: {found:#?}");
        assert_eq!(report["violations_total"], expected.len(), "{report:#}");
    }
}

/// Returns the SQL expression that prints the id of a column.
pub(crate) fn id(column: &str) -> String {
    let part = |from: u8, len: u8| format!("substr(hex({column}), {from}, {len})");
    let parts = [
        part(1, 8),
        part(9, 4),
        part(13, 4),
        part(17, 4),
        part(21, 12),
    ];
    format!("lower({})", parts.join(" || '-' || "))
}

pub(crate) fn fritzy(arguments: &[&str]) -> Command {
    let mut command = Command::new(node_binary());
    command.args(arguments).env_clear();
    command
}

/// Fills a PostgreSQL database through a node, and stops it.
pub(crate) fn fill_database(database_url: &str) {
    let folder = testbed::Workspace::new();
    fill(&folder, &["--database-url", database_url]);
}

/// Causes every type of event on a node, and stops it.
fn fill(folder: &testbed::Workspace, database: &[&str]) {
    let mut node = folder.node_with(&[&["--shards", SHARDS], database].concat());
    use_every_event(node.address());
    node.terminate();
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(0), "{exited:?}");
}

/// Sends a document and returns its data, over a connection of its own.
fn run(node: SocketAddr, document: &str) -> Value {
    let body = json!({ "query": document }).to_string();
    let mut stream = TcpStream::connect(node).expect("a node");
    let len = body.len();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: {node}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
    );
    stream
        .write_all(request.as_bytes())
        .expect("the node reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    let (_, body) = response.split_once("\r\n\r\n").expect("a body");
    let response: Value = serde_json::from_str(body).expect("JSON");
    assert!(response.get("errors").is_none(), "{response}");
    response["data"].clone()
}

/// Causes every type of event. Afterwards Ada has three versions, Bob one (keyed) and Cy two; Lamp
/// has three, Bulb is withdrawn; one order is completed (keyed), one cancelled, one created (keyed
/// and annotated), one created.
fn use_every_event(node: SocketAddr) {
    let made = run(
        node,
        r#"mutation {
            ada: createAccount(account: { name: "Ada" }) { id }
            bob: createAccount(account: {
                name: "Bob", externalReference: "crm-1", metadata: [{ key: "b", value: "2" }, { key: "a", value: "\"1\"" }]
            }, idempotencyKey: "bob") { id }
            cy: createAccount(account: { name: "Cy", externalReference: "crm-2" }) { id }
            lamp: createProduct(product: { name: "Lamp", description: "a\nb", price: 14.66 }) { id }
            bulb: createProduct(product: {
                name: "Bulb", description: "", price: 0.99, externalReference: "sku-1"
            }) { id }
        }"#,
    );
    let [ada, bob, cy, lamp, bulb] =
        ["ada", "bob", "cy", "lamp", "bulb"].map(|name| made[name]["id"].as_str().expect("an id"));
    let order = |account: &str, key: &str| {
        format!(
            r#"createOrder(order: {{ accountId: "{account}", products: [
                {{ productId: "{lamp}", quantity: 3 }}, {{ productId: "{bulb}", quantity: 2 }}
            ] }}{key}) {{ id }}"#
        )
    };
    let placed = run(
        node,
        &format!(
            "mutation {{ completed: {} cancelled: {} keyed: {} created: {} }}",
            order(ada, r#", idempotencyKey: "1""#),
            order(ada, ""),
            order(bob, r#", idempotencyKey: "2""#),
            order(bob, ""),
        ),
    );
    let [completed, cancelled, keyed] =
        ["completed", "cancelled", "keyed"].map(|name| placed[name]["id"].as_str().expect("an id"));
    run(
        node,
        &format!(
            r#"mutation {{
            a: confirmOrder(id: "{completed}", idempotencyKey: "c") {{ id }}
            b: confirmOrder(id: "{completed}", idempotencyKey: "c") {{ id }}
            c: completeOrder(id: "{completed}") {{ id }}
            d: cancelOrder(id: "{cancelled}", reason: "too late") {{ id }}
            e: renameAccount(id: "{ada}", name: "Ada L.") {{ id }}
            f: renameAccount(id: "{ada}", name: "Ada Lovelace", idempotencyKey: "r") {{ id }}
            g: updateProduct(id: "{lamp}", description: "new") {{ id }}
            h: repriceProduct(id: "{lamp}", price: {{ amount: "15.01" }}) {{ id }}
            j: annotateAccount(id: "{cy}", metadata: [{{ key: "tier", value: "gold" }}]) {{ id }}
            k: annotateProduct(id: "{bulb}", metadata: [{{ key: "shelf", value: "7" }}]) {{ id }}
            l: annotateOrder(id: "{keyed}", externalReference: "web-1", metadata: []) {{ id }}
            i: withdrawProduct(id: "{bulb}") {{ id }}
        }}"#
        ),
    );
}
