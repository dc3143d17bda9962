//! A database that a real node made, copies of it with planted faults, and what the binary says of them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use fritzy_testbed::node_binary;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use tempfile::TempDir;


/// Few shards, so that each has several events.
const SHARDS: &str = "4";

/// The file of a stopped node, made once for all tests of this run.
fn base() -> &'static [u8] {
    static BASE: OnceLock<Vec<u8>> = OnceLock::new();
    BASE.get_or_init(|| {
        let folder = TempDir::new().expect("a temporary folder");
        let mut node = Node::start(folder.path());
        use_everything(&mut node);
        node.stop();
        fs::read(folder.path().join("fritzy.db")).expect("a closed database is one file")
    })
}

/// A copy of the database, to plant a fault into.
pub(crate) struct Ground {
    folder: TempDir,
    connection: SqliteConnection,
}

/// A violation that must be reported: its kind, and what its place must have.
pub(crate) struct Expected(&'static str, Value);

impl Ground {
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

    /// The first value that a statement of a test answers, as text.
    pub(crate) async fn ask(&mut self, statement: &str) -> String {
        let row = sqlx::query(AssertSqlSafe(statement.to_owned()))
            .fetch_one(&mut self.connection)
            .await
            .unwrap_or_else(|failure| panic!("{failure}: {statement}"));
        row.try_get_unchecked(0).expect("a text")
    }

    /// A violation at the place that `place`, a selection from the database as it is now, answers: pairs
    /// of a name and a value, as `json_object` takes them, and behind them where they are from.
    pub(crate) async fn at(&mut self, kind: &'static str, place: &str) -> Expected {
        let (pairs, from) = place.split_once(" OF ").unwrap_or((place, ""));
        let from = if from.is_empty() {
            String::new()
        } else {
            format!(" FROM {from}")
        };
        let found = self
            .ask(&format!("SELECT json_object({pairs}){from}"))
            .await;
        Expected(kind, serde_json::from_str(&found).expect("JSON"))
    }

    /// Plants a fault; each statement must change something.
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

    /// Runs the binary with further arguments.
    pub(crate) async fn verify(&mut self, arguments: &[&str]) -> Output {
        let folder = self.folder.path().to_owned();
        let folder = folder.to_str().expect("UTF-8");
        let begin = ["journal", "verify", "--data-dir", folder];
        let all = [&begin[..], arguments];
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
        for Expected(kind, place) in expected {
            let place = place.as_object().expect("an object");
            let is_it = |violation: &Value| {
                violation["kind"] == *kind
                    && place
                        .iter()
                        .all(|(name, value)| violation["where"][name] == *value)
            };
            let Some(at) = found.iter().position(is_it) else {
                panic!("no {kind} at {place:?}: {report:#}");
            };
            found.remove(at);
        }
        assert!(found.is_empty(), "unrelated: {found:#?}");
        assert_eq!(report["violations_total"], expected.len(), "{report:#}");
    }
}

/// The expression for an id of a column as it is printed.
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

/// A running node. It ends with the test that started it.
struct Node {
    child: Child,
    authority: String,
}

/// Has a node on a database of PostgreSQL make the same, and stops it.
pub(crate) fn make_everything_on(database_url: &str) {
    let mut node = Node::started_with(&["--database-url", database_url]);
    use_everything(&mut node);
    node.stop();
}

impl Node {
    fn start(folder: &Path) -> Self {
        Self::started_with(&["--data-dir", folder.to_str().expect("UTF-8")])
    }

    fn started_with(database: &[&str]) -> Self {
        let arguments = [&["--listen", "127.0.0.1:0", "--shards", SHARDS], database].concat();
        let mut child = fritzy(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let said = BufReader::new(child.stdout.take().expect("piped"));
        let line = said
            .lines()
            .map_while(Result::ok)
            .find(|line| line.ends_with("/graphql"));
        let line = line.expect("a node says where it serves");
        let port = line.rsplit([':', '/']).nth(1).expect("a port");
        let authority = format!("127.0.0.1:{port}");
        Self { child, authority }
    }

    /// Sends a document and answers its data; one connection for each request.
    fn run(&mut self, document: &str) -> Value {
        let body = json!({ "query": document }).to_string();
        let mut stream = TcpStream::connect(&self.authority).expect("a node");
        let (authority, len) = (&self.authority, body.len());
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
        );
        stream
            .write_all(request.as_bytes())
            .expect("the node reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let answer: Value = serde_json::from_str(body).expect("JSON");
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].clone()
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill exists").success());
        assert!(self.child.wait().expect("a child").success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every kind of event. Afterwards: Ada has three versions and Bob one; Lamp has three, Bulb is withdrawn;
/// one order is completed (keyed), one cancelled, one created (keyed), one created.
fn use_everything(node: &mut Node) {
    let made = node.run(
        r#"mutation {
            ada: createAccount(account: { name: "Ada" }) { id }
            bob: createAccount(account: { name: "Bob" }, idempotencyKey: "bob") { id }
            lamp: createProduct(product: { name: "Lamp", description: "a\nb", price: 14.66 }) { id }
            bulb: createProduct(product: { name: "Bulb", description: "", price: 0.99 }) { id }
        }"#,
    );
    let [ada, bob, lamp, bulb] =
        ["ada", "bob", "lamp", "bulb"].map(|name| made[name]["id"].as_str().expect("an id"));
    let order = |account: &str, key: &str| {
        format!(
            r#"createOrder(order: {{ accountId: "{account}", products: [
                {{ productId: "{lamp}", quantity: 3 }}, {{ productId: "{bulb}", quantity: 2 }}
            ] }}{key}) {{ id }}"#
        )
    };
    let placed = node.run(&format!(
        "mutation {{ completed: {} cancelled: {} keyed: {} created: {} }}",
        order(ada, r#", idempotencyKey: "1""#),
        order(ada, ""),
        order(bob, r#", idempotencyKey: "2""#),
        order(bob, ""),
    ));
    let [completed, cancelled] =
        ["completed", "cancelled"].map(|name| placed[name]["id"].as_str().expect("an id"));
    node.run(&format!(
        r#"mutation {{
            a: confirmOrder(id: "{completed}", idempotencyKey: "c") {{ id }}
            b: confirmOrder(id: "{completed}", idempotencyKey: "c") {{ id }}
            c: completeOrder(id: "{completed}") {{ id }}
            d: cancelOrder(id: "{cancelled}", reason: "too late") {{ id }}
            e: renameAccount(id: "{ada}", name: "Ada L.") {{ id }}
            f: renameAccount(id: "{ada}", name: "Ada Lovelace", idempotencyKey: "r") {{ id }}
            g: updateProduct(id: "{lamp}", description: "new") {{ id }}
            h: repriceProduct(id: "{lamp}", price: {{ amount: "15.01" }}) {{ id }}
            i: withdrawProduct(id: "{bulb}") {{ id }}
        }}"#
    ));
}
