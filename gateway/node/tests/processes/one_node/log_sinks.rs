//! Outputs that are full, closed or failing: the node serves, counts the log lines that it drops, and
//! stops in order. An output that works gets every line.

use std::fs::{File, OpenOptions};
use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use fritzy_testbed::{ChildProcess, NODE_TIME_MAX, Workspace, skip, wait_until};
use fritzy_testbed_shop::Api;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::metric::metric;
use super::small_disk::SmallDisk;

/// The capacity of a pipe.
const PIPE_BYTES: usize = 65_536;
/// A burst, and more than it takes at `--log trace` to fill a pipe.
const REQUESTS: usize = 2_000;
/// Bursts that certainly fill the queue in front of the pipe, too.
const BURSTS_MAX: usize = 20;
/// Requests sent at once.
const CONCURRENT: usize = 32;
/// A node stops within two seconds, one of which it waits for its log. The rest is for busy machines.
const STOP_TIME_MAX: Duration = Duration::from_secs(15);

const DROPPED: &str = "fritzy_log_lines_dropped_total";
const REPORT: &str = "log lines were dropped";

/// A node whose outputs the test chose.
struct MutedNode {
    process: ChildProcess,
    api: Api,
}

impl MutedNode {
    fn start(
        workspace: &Workspace,
        arguments: &[&str],
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Self {
        Self::start_with(workspace, workspace.command(arguments), stdout, stderr)
    }

    /// Starts a command that runs a node, and waits until it listens.
    fn start_with(
        workspace: &Workspace,
        mut command: Command,
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> Self {
        let file = workspace.outside("port");
        command.args(["--listen", "127.0.0.1:0", "--port-file"]);
        command.arg(&file);
        let process = spawn(workspace, &mut command, stdout, stderr);
        let port = || std::fs::read_to_string(&file).ok()?.parse::<u16>().ok();
        wait_until("its port", NODE_TIME_MAX, || port().is_some());
        let address = ([127, 0, 0, 1], port().expect("a port")).into();
        let api = Api::at(address);
        Self { process, api }
    }

    /// Sends requests, all of which must be executed.
    async fn serve(&self, count: usize) {
        let document = r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#;
        let requests = (0..count).map(|_| self.api.run(document));
        let responses = stream::iter(requests).buffer_unordered(CONCURRENT);
        responses
            .for_each(|response| async move {
                response.data("/createAccount/id");
            })
            .await;
    }

    /// Sends requests until lines are dropped, and once more.
    async fn serve_while_dropping(&self, count: usize) {
        for _ in 0..BURSTS_MAX {
            self.serve(count).await;
            if self.dropped().await > 0.0 {
                return self.serve(count).await;
            }
        }
        panic!("no line was dropped");
    }

    async fn dropped(&self) -> f64 {
        metric(&self.api, DROPPED).await
    }

    fn stop(mut self) {
        self.process.terminate();
        assert_eq!(exit_code(&mut self.process), Some(0));
    }
}

fn spawn(
    workspace: &Workspace,
    command: &mut Command,
    stdout: impl Into<Stdio>,
    stderr: impl Into<Stdio>,
) -> ChildProcess {
    let log = workspace.outside("log");
    ChildProcess::spawn_with(command, &log, stdout, stderr).expect("the binary starts")
}

fn exit_code(process: &mut ChildProcess) -> Option<i32> {
    wait_until("its exit", STOP_TIME_MAX, || process.try_exit().is_some());
    process.try_exit().expect("it has exited").code()
}

/// A pipe without room.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().expect("a pipe");
    writer
        .write_all(&[b'\n'; PIPE_BYTES])
        .expect("its capacity");
    (reader, writer)
}

/// The entries of a log, and the number of lines that are none.
fn entries(log: &str) -> (Vec<Value>, usize) {
    let lines: Vec<&str> = log.lines().collect();
    let parsed = lines.iter().map(|line| serde_json::from_str(line).ok());
    let entries: Vec<Value> = parsed.flatten().collect();
    let others = lines.len() - entries.len();
    (entries, others)
}

/// The lines that a log reports as dropped.
fn reported(entries: &[Value]) -> u64 {
    let reports = entries.iter().filter(|entry| entry["message"] == REPORT);
    reports.filter_map(|entry| entry["lines"].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_log_pipe_does_not_stop_a_node() {
    let workspace = Workspace::new();
    let (mut unread, stderr) = pipe().expect("a pipe");
    let node = MutedNode::start(&workspace, &["--log", "trace"], Stdio::null(), stderr);
    node.serve_while_dropping(REQUESTS).await;
    node.stop();
    let mut log = String::new();
    unread.read_to_string(&mut log).expect("UTF-8");
    assert!(log.len() > PIPE_BYTES / 2, "{}", log.len());
    let (_, others) = entries(&log);
    assert!(others <= 1, "whole lines up to the last one: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_pipe_for_both_outputs_does_not_stop_a_node() {
    let workspace = Workspace::new();
    let (_unread, both) = full_pipe();
    let stdout = both.try_clone().expect("a descriptor");
    let node = MutedNode::start(&workspace, &["--log", "trace"], stdout, both);
    node.serve_while_dropping(REQUESTS).await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_outputs_do_not_stop_a_node() {
    let workspace = Workspace::new();
    let (reader, both) = pipe().expect("a pipe");
    drop(reader);
    let stdout = both.try_clone().expect("a descriptor");
    let node = MutedNode::start(&workspace, &["--log", "debug"], stdout, both);
    node.serve_while_dropping(CONCURRENT).await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_outputs_do_not_stop_a_node() {
    let workspace = Workspace::new();
    let full = || OpenOptions::new().write(true).open("/dev/full");
    let (stdout, stderr) = match (full(), full()) {
        (Ok(stdout), Ok(stderr)) => (stdout, stderr),
        _ => skip!("no /dev/full"),
    };
    let node = MutedNode::start(&workspace, &["--log", "debug"], stdout, stderr);
    node.serve_while_dropping(CONCURRENT).await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn log_on_a_full_disk_continues_with_a_report() {
    let workspace = Workspace::new();
    let folder = workspace.outside("small");
    std::fs::create_dir(&folder).expect("a folder");
    let disk = match SmallDisk::mount(&folder) {
        Ok(disk) => disk,
        Err(reason) => skip!(reason),
    };
    let file = disk.file("log");
    let node = MutedNode::start(
        &workspace,
        &["--log", "debug"],
        Stdio::null(),
        append(&file),
    );
    disk.fill();
    node.serve_while_dropping(CONCURRENT).await;
    disk.free();
    node.serve(CONCURRENT).await;
    let dropped = node.dropped().await;
    node.stop();
    let log = std::fs::read_to_string(&file).expect("a log");
    let (entries, others) = entries(&log);
    assert!(others <= 1, "the line that was cut off: {log}");
    assert_eq!(reported(&entries) as f64, dropped, "{log}");
    let last = entries.last().expect("a line");
    assert!(last["message"].to_string().contains("stopped"), "{last}");
}

/// The limit of `ulimit -f`, which ends a process that does not expect it.
#[tokio::test(flavor = "multi_thread")]
async fn log_at_the_file_size_limit_does_not_stop_a_node() {
    /// Room for the database.
    const FILE_BYTES_MAX: u64 = 64 << 20;
    let workspace = Workspace::new();
    let file = workspace.outside("stderr");
    let stderr = append(&file);
    stderr
        .set_len(FILE_BYTES_MAX - 10_000)
        .expect("a sparse file");
    let node = workspace.command(&[]);
    let mut command = Command::new("prlimit");
    command.arg(format!("--fsize={FILE_BYTES_MAX}"));
    command.arg(node.get_program()).args(["--log", "debug"]);
    command.current_dir(workspace.current()).env_clear();
    if Command::new("prlimit").output().is_err() {
        skip!("prlimit does not start");
    }
    let node = MutedNode::start_with(&workspace, command, Stdio::null(), stderr);
    node.serve_while_dropping(CONCURRENT).await;
    node.stop();
    let size = std::fs::metadata(&file).expect("a file").len();
    assert_eq!(size, FILE_BYTES_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_that_works_has_every_line_of_a_burst() {
    let workspace = Workspace::new();
    let file = workspace.outside("stderr");
    let arguments = ["--log", "debug"];
    let node = MutedNode::start(&workspace, &arguments, Stdio::null(), append(&file));
    let id = |n| format!("request-{n}");
    let query = json!({ "query": "{ accounts { id } }" }).to_string();
    let requests = (0..REQUESTS).map(|n| {
        let request = node.api.post().header("x-request-id", id(n));
        node.api.send(request, query.clone())
    });
    let responses = stream::iter(requests).buffer_unordered(CONCURRENT);
    assert_eq!(responses.count().await, REQUESTS);
    assert_eq!(node.dropped().await, 0.0);
    node.stop();

    let log = std::fs::read_to_string(&file).expect("a log");
    let (entries, others) = entries(&log);
    assert_eq!((others, reported(&entries)), (0, 0));
    let mut responded: Vec<&str> = entries
        .iter()
        .filter(|entry| entry["message"] == "responded")
        .filter_map(|entry| entry["span"]["id"].as_str())
        .collect();
    responded.sort_unstable();
    let mut sent: Vec<String> = (0..REQUESTS).map(id).collect();
    sent.sort_unstable();
    assert_eq!(responded, sent);
    let at = |part: &str| {
        let is_it = |entry: &Value| entry["message"].to_string().contains(part);
        entries.iter().position(is_it).expect(part)
    };
    let ends = [at("serving"), at("responded"), at("SIGTERM"), at("stopped")];
    assert!(ends.is_sorted(), "{ends:?}");
    assert_eq!(ends[3], entries.len() - 1, "nothing is lost at the end");
}

#[test]
fn refused_start_with_a_full_log_pipe_exits() {
    let workspace = Workspace::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let (_unread, stderr) = full_pipe();
    let mut command = workspace.command(&["--listen", &address]);
    let mut process = spawn(&workspace, &mut command, Stdio::null(), stderr);
    assert_eq!(exit_code(&mut process), Some(1));
}

fn append(file: &PathBuf) -> File {
    let file = OpenOptions::new().create(true).append(true).open(file);
    file.expect("a file")
}
