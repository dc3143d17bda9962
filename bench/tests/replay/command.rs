//! The command line: its output and its exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::book_text;
use crate::mock_node::{Fault, MockNode, Seen};

fn file() -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(book_text().as_bytes()).expect("written");
    file
}

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fritzy-bench"));
    command.arg("replay").args(flags);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn output(mut command: Command) -> Output {
    let ended = spawn_blocking(move || command.output()).await;
    ended.expect("no panic").expect("it starts")
}

async fn replayed(node: &MockNode, more: &[&str]) -> Output {
    let file = file();
    let path = file.path().to_str().expect("UTF-8");
    let flags = [&[path, "--url", &node.url], more].concat();
    output(command(&flags)).await
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn healthy_node_reconciles_with_exit_code_0() {
    let node = MockNode::start(|_| None).await;
    let output = replayed(&node, &[]).await;
    assert_eq!(output.status.code(), Some(0));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let verdict = "reconciled: 3 accounts, 5 products, 308 orders, 620 units, total 12446.52 (";
    assert!(stdout.starts_with(verdict), "{stdout}");
    assert!(stdout.ends_with(" orders/s, 0 retries)\n"), "{stdout}");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    for line in [
        "accounts 3 of 3, ",
        "products 5 of 5, ",
        "orders 308 of 308, ",
    ] {
        assert!(
            stderr.lines().any(|found| found.starts_with(line)),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn json_flag_prints_one_object() {
    let node = MockNode::start(|seen| (seen.serial == 20).then_some(Fault::DropAfter)).await;
    let output = replayed(&node, &["--json", "--limit-orders", "50"]).await;
    assert_eq!(output.status.code(), Some(0));
    let facts: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(facts["reconciled"], true);
    assert_eq!(facts["accounts"], 1);
    assert_eq!(facts["orders"], 50);
    assert_eq!(facts["retries"], 1);
    assert_eq!(facts["differences"], 0);
    assert!(
        facts["total"].is_string() && facts["orders_per_s"].is_number(),
        "{facts}"
    );
    assert_eq!(node.counts(), (1, 5, 50));
}

#[tokio::test]
async fn difference_is_printed_with_exit_code_1() {
    let lose = |seen: &Seen<'_>| (seen.key == "replay:order:o2-1").then_some(Fault::Lose);
    let node = MockNode::start(lose).await;
    let output = replayed(&node, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(
        lines[0],
        "difference: order o2-1 (id Order-lost): created, but missing when read back"
    );
    assert!(
        lines[1].starts_with("NOT reconciled: 1 difference: read back 3 accounts"),
        "{lines:?}"
    );
    let output = replayed(&node, &["--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let facts: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(
        (&facts["reconciled"], &facts["differences"]),
        (&false.into(), &1.into())
    );
    assert!(text(&output.stderr).contains("difference: order o2-1"));
}

#[tokio::test]
async fn error_is_printed_with_exit_code_1() {
    let node = MockNode::start(|seen| {
        (seen.key == "replay:account:c1").then_some(Fault::Code("IDEMPOTENCY_KEY_REUSED"))
    })
    .await;
    let output = replayed(&node, &["--json"]).await;
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("account c1: IDEMPOTENCY_KEY_REUSED at CreateAccount: injected"),
        "{stderr}"
    );
    assert!(stderr.contains("--key-prefix"), "{stderr}");
    let facts: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(facts["reconciled"], false);
}

#[tokio::test]
async fn invalid_input_or_unreachable_node_is_reported() {
    let file = file();
    let path = file.path().to_str().expect("UTF-8");
    let tls = output(command(&[path, "--url", "https://shop.example/"])).await;
    assert_eq!(tls.status.code(), Some(1));
    assert!(text(&tls.stderr).contains("TLS"), "{}", text(&tls.stderr));
    let absent = output(command(&["/nowhere/orders.csv"])).await;
    assert_eq!(absent.status.code(), Some(1));
    assert!(text(&absent.stderr).starts_with("/nowhere/orders.csv: cannot be opened: "));
    let none_at_once = output(command(&["orders.csv", "--concurrency", "0"])).await;
    assert_eq!(none_at_once.status.code(), Some(2));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/graphql", closed.local_addr().expect("bound"));
    drop(closed);
    let unreachable = output(command(&[path, "--url", &url, "--retry-for-secs", "0"])).await;
    assert_eq!(unreachable.status.code(), Some(1));
    let stderr = text(&unreachable.stderr);
    assert!(stderr.contains("gave up after 1 attempts"), "{stderr}");
    assert!(stderr.contains("run it again to continue"), "{stderr}");
}

#[tokio::test]
async fn interrupted_run_exits_130_and_can_be_repeated() {
    let reached = Arc::new(Notify::new());
    let notify = Arc::clone(&reached);
    let node = MockNode::start(move |seen| {
        let held = seen.key == "replay:order:o1-7" && seen.earlier == 0;
        if held {
            notify.notify_one();
        }
        held.then_some(Fault::Hang)
    })
    .await;
    let file = file();
    let path = file.path().to_str().expect("UTF-8").to_owned();
    let child = command(&[&path, "--url", &node.url])
        .spawn()
        .expect("it starts");
    reached.notified().await;
    let signalled = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signalled.expect("kill exists").success());
    let output = spawn_blocking(move || child.wait_with_output()).await;
    let output = output.expect("no panic").expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let stderr = text(&output.stderr);
    let last = stderr.lines().last().expect("a line");
    assert!(last.starts_with("interrupted (orders "), "{stderr}");
    assert!(last.ends_with("run it again to continue"), "{stderr}");
    assert!(output.stdout.is_empty());

    let again = replayed(&node, &[]).await;
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    assert_eq!(node.counts(), (3, 5, 308));
}
