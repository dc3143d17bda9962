//! Nodes that hang: others take their shards, although their heartbeat has a thread of its own that
//! goes on. And what looks like it, and must cost nobody a shard.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fritzy_testbed::{
    NODE_TIME_MAX, NodeProcess, PostgresServer, Workspace, blocking, skip, skip_unless,
    wait_until_async,
};
use hyper::Method;
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::cluster::history::{ClientObservation, History, read};
use crate::cluster::linearizability::require_sound;
use crate::cluster::nodes::Nodes;
use crate::one_node::traced::missing;

/// The requirement is 15 s on an idle machine.
const TAKEN_MAX: Duration = Duration::from_secs(25);
/// Longer than a lease, a batch, and every limit of a connection.
const STALL: Duration = Duration::from_secs(10);
/// The names of the threads that execute tasks: the workers, and the thread of `main`.
const RUNTIME_THREADS: [&str; 2] = ["tokio-rt-worker", "fritzy"];

/// A tracer that lets the threads of a node's runtime stand still at their next system call. All
/// other threads go on, that of the heartbeat too.
struct HungRuntime(Child);

impl HungRuntime {
    fn of(node: &NodeProcess) -> Self {
        let tasks = fs::read_dir(format!("/proc/{}/task", node.pid())).expect("its threads");
        let mut tracer = Command::new("strace");
        tracer.args([
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "inject=all:delay_enter=600s",
        ]);
        for task in tasks {
            let task = task.expect("a thread");
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            if RUNTIME_THREADS.contains(&name.trim()) {
                tracer.arg("-p").arg(task.file_name());
            }
        }
        Self(tracer.stderr(Stdio::null()).spawn().expect("strace starts"))
    }
}

impl Drop for HungRuntime {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_shards_of_a_hung_node_are_served_by_others() {
    if let Some(reason) = missing() {
        skip!(reason);
    }
    let mut nodes = skip_unless!(Nodes::start(3).await);
    let history = History::start(&nodes.apis()[..2]).await;
    history.wait_requests().await;
    let run = nodes.id_of("n3").await.expect("a running node");
    let began = Instant::now();
    let hung = HungRuntime::of(&nodes.nodes[2].process);
    let taken = nodes.wait_taken_over(run).await;
    for account in history.accounts.iter() {
        for node in &nodes.nodes[..2] {
            let observed = read(&node.api, account).await;
            assert!(matches!(observed, ClientObservation::At(_)), "{observed:?}");
        }
    }
    let served = began.elapsed();
    println!("owners after {taken:?}, all served after {served:?}");
    assert!(served < TAKEN_MAX, "{served:?}");
    // Its log says why, and SIGTERM ends it.
    let node = nodes.nodes.remove(2);
    let log = node.process.log();
    assert!(log.contains("this node makes no progress"), "{log}");
    node.process.terminate();
    wait_until_async("SIGTERM ends it", NODE_TIME_MAX, async || {
        node.process.log().contains("it hangs, and is ended")
    })
    .await;
    // The tracer keeps its threads from ending, too.
    drop(hung);
    let exited = block_in_place(|| node.process.wait_exit(NODE_TIME_MAX));
    assert_eq!(exited.code, Some(1), "{exited:?}");
    require_sound(history, nodes).await;
}

/// A tracer that delays every sync of a PostgreSQL server.
struct SlowDisk(Child);

impl SlowDisk {
    fn of(server: &PostgresServer) -> Self {
        let postmaster = server.pid().expect("it runs");
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        let children = fs::read_to_string(children).expect("its children");
        let mut tracer = Command::new("strace");
        tracer.args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync,fdatasync",
        ]);
        tracer.args(["-e", "inject=fsync,fdatasync:delay_enter=1s"]);
        for process in children
            .split_whitespace()
            .chain([&*postmaster.to_string()])
        {
            tracer.args(["-p", process]);
        }
        Self(tracer.stderr(Stdio::null()).spawn().expect("strace starts"))
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A stalled database, a disk that takes a second for each sync, and processes that are all stopped
/// for a while: nobody is fenced, and nobody loses a shard.
#[tokio::test(flavor = "multi_thread")]
async fn i3_stalls_that_concern_all_fence_nobody() {
    let nodes = skip_unless!(Nodes::start(3).await);
    // The third node is idle: it has no batch that could fail.
    let history = History::start(&nodes.apis()[..2]).await;
    history.wait_requests().await;
    let before = nodes.ownership().await;

    for node in &nodes.nodes {
        node.database.stall();
    }
    sleep(STALL).await;
    for node in &nodes.nodes {
        node.database.heal();
    }
    history.wait_requests().await;
    assert_eq!(nodes.ownership().await, before, "a stalled database");

    if missing().is_none() {
        let slow = SlowDisk::of(&nodes.server);
        sleep(STALL).await;
        drop(slow);
        history.wait_requests().await;
        assert_eq!(nodes.ownership().await, before, "a slow disk");
    }

    blocking(|| nodes.server.pause());
    for node in &nodes.nodes {
        node.process.pause();
    }
    sleep(STALL).await;
    for node in &nodes.nodes {
        node.process.resume();
    }
    blocking(|| nodes.server.resume());
    history.wait_requests().await;
    assert_eq!(nodes.ownership().await, before, "all are stopped");
    require_sound(history, nodes).await;
}

/// All cores are taken for 20 s.
#[tokio::test(flavor = "multi_thread")]
async fn i3_machine_without_free_cores_fences_nobody() {
    let nodes = skip_unless!(Nodes::start(3).await);
    let before = nodes.ownership().await;
    let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let until = Instant::now() + 2 * STALL;
    let burning: Vec<_> = (0..4 * cores)
        .map(|_| {
            thread::spawn(move || {
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    block_in_place(|| {
        burning
            .into_iter()
            .for_each(|burner| burner.join().expect("ends"))
    });
    assert_eq!(nodes.ownership().await, before);
}

/// A node that others do not reach, while its heartbeat goes on: they say so, and fence nobody.
#[tokio::test(flavor = "multi_thread")]
async fn silent_peer_with_a_heartbeat_is_named_and_not_fenced() {
    let nodes = skip_unless!(Nodes::start(2).await);
    let before = nodes.ownership().await;
    // The later one dials the earlier one, through its proxy.
    nodes.nodes[0].peers.cut();
    let began = Instant::now();
    loop {
        let api = &nodes.nodes[0].api;
        let response = api.send(api.request(Method::GET, "/metrics"), "").await;
        if response.text.contains("fritzy_cluster_silent_peers 1") {
            break;
        }
        assert!(began.elapsed() < NODE_TIME_MAX, "{}", response.text);
        sleep(Duration::from_millis(200)).await;
    }
    let status = nodes.status_of("n1");
    let peer = &status["nodes"][1];
    assert!(
        peer["unreachedMs"].as_u64().is_some_and(|ms| ms >= 10_000),
        "{status:#}"
    );
    let log = nodes.nodes[0].process.log();
    assert!(
        log.contains("a node is silent while its heartbeat goes on"),
        "{log}"
    );
    assert_eq!(nodes.ownership().await, before, "nobody is fenced");
    nodes.nodes[0].peers.heal();
    wait_until_async("it is connected again", NODE_TIME_MAX, async || {
        nodes.nodes[0]
            .process
            .log()
            .contains("a silent node is connected again")
    })
    .await;
}

/// An operator who does not want to wait.
#[tokio::test(flavor = "multi_thread")]
async fn second_signal_ends_a_stopping_node_at_once() {
    let mut nodes = skip_unless!(Nodes::start(0).await);
    let mut node = nodes.spawn_with("n1", &["--unready-ms", "60000"]);
    node.process.address();
    node.process.terminate();
    sleep(Duration::from_secs(1)).await;
    let signalled = Instant::now();
    node.process.interrupt();
    let exited = block_in_place(|| node.process.wait_exit(NODE_TIME_MAX));
    assert_eq!(exited.code, Some(1), "{exited:?}");
    let took = signalled.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    nodes.nodes.clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn hang_up_signal_is_ignored() {
    let workspace = Workspace::new();
    let mut node = workspace.node();
    let api = fritzy_testbed_shop::Api::at(node.address());
    node.hang_up();
    let account = api.new_account("after").await;
    assert!(!account.is_empty());
    node.terminate();
    let exited = block_in_place(|| node.wait_exit(NODE_TIME_MAX));
    assert_eq!(exited.code, Some(0), "{exited:?}");
    assert!(
        exited.stderr.contains("SIGHUP is ignored"),
        "{}",
        exited.stderr
    );
}
