//! The limit of open files: raised where the system allows it; otherwise fewer clients are accepted
//! at a time.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use fritzy_testbed::{NODE_TIME_MAX, Workspace, wait_until};
use fritzy_testbed_shop::Api;
use serde_json::Value;

/// `fritzy` on a free port under a soft and a hard limit of open files.
fn limited(workspace: &Workspace, soft: u64, hard: u64) -> Command {
    let node = workspace.command(&["--listen", "127.0.0.1:0"]);
    let mut command = Command::new("sh");
    let script = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"");
    command
        .args(["-c", &script])
        .arg(node.get_program())
        .args(node.get_args())
        .current_dir(workspace.current())
        .env_clear();
    command
}

fn warnings(log: &str) -> Vec<String> {
    let entries = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    entries
        .filter(|entry: &Value| ["WARN", "ERROR"].contains(&entry["level"].as_str().unwrap_or("")))
        .map(|entry| entry["message"].to_string())
        .collect()
}

#[test]
fn soft_limit_of_open_files_is_raised() {
    let workspace = Workspace::new();
    let mut node = workspace.spawn(&mut limited(&workspace, 200, 6_000));
    node.address();
    let limits = fs::read_to_string(format!("/proc/{}/limits", node.pid()));
    let limits = limits.expect("the system is Linux");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let columns: Vec<&str> = line.expect("a limit").split_whitespace().collect();
    assert_eq!(columns[3..5], ["6000", "6000"], "soft and hard");
    assert_eq!(warnings(&node.log()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_max_is_lowered_to_the_hard_limit() {
    const HARD: u64 = 300;
    const FITTING: usize = 172;
    /// More than there are descriptors; the rest fits into a short backlog.
    const CLIENTS: usize = 290;
    let workspace = Workspace::new();
    let mut node = workspace.spawn(&mut limited(&workspace, 200, HARD));
    let address = node.address();
    let log = node.log();
    for part in ["connections_max = 4096", "lowered to 172", "LimitNOFILE="] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let clients: Vec<_> = (0..CLIENTS).map(|_| TcpStream::connect(address)).collect();
    assert!(clients.iter().all(Result::is_ok));
    let open = format!("/proc/{}/fd", node.pid());
    let are_accepted = || fs::read_dir(&open).is_ok_and(|files| files.count() > FITTING);
    wait_until(
        "as many as fit are accepted",
        Duration::from_secs(10),
        are_accepted,
    );
    drop(clients);
    let document = r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#;
    let created = Api::at(address).run(document).await;
    assert!(!created.text_at("/createAccount/id").is_empty());
    assert_eq!(warnings(&node.log()).len(), 1, "{}", node.log());
}

#[test]
fn limit_without_room_for_clients_is_refused() {
    let workspace = Workspace::new();
    let node = workspace.spawn(&mut limited(&workspace, 100, 100));
    let exited = node.wait_exit(NODE_TIME_MAX);
    assert_eq!(exited.code, Some(1), "{exited:?}");
    for part in ["100 open files", "needs 144", "ulimit -Hn", "LimitNOFILE="] {
        assert!(exited.stderr.contains(part), "{part}: {exited:?}");
    }
    assert!(
        !workspace.current().join("data").exists(),
        "nothing is created"
    );
}
