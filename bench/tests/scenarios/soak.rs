//! A short soak with two faults, ended by Ctrl-C once both are over: nothing is lost, the faults
//! show in the report, and nothing is left running.

use std::time::Duration;

use fritzy_bench::soak::{SoakFault, SoakReport, Verdict};
use fritzy_testbed::{ChildProcess, node_binary, skip, wait_until};
use rustix::process::{Signal, kill_process, test_kill_process};
use tempfile::TempDir;

use crate::running::{assert_exit_code, bench, pid};

/// Both faults and their recovery take half a minute; the rest is for busy machines.
const FAULTS_MAX: Duration = Duration::from_secs(180);
/// For the end: what is in flight, the reads, the verification.
const END_MAX: Duration = Duration::from_secs(120);
/// A node's lease: nobody serves the shards of a killed one earlier.
const LEASE_S: f64 = 3.0;
const SHARDS: u16 = 16;

#[test]
fn soak_shows_recovery_from_each_fault_and_no_loss() {
    let folder = TempDir::new().expect("a folder");
    let (json, log) = (folder.path().join("soak.json"), folder.path().join("log"));
    let mut command = bench(&["soak", "--minutes=30", "--fault-every-s=8", "--rate=40"]);
    command
        .args([
            "--faults=kill,database-stall",
            &format!("--shards={SHARDS}"),
        ])
        .arg("--node")
        .arg(node_binary())
        .arg("--json")
        .arg(&json);
    let mut running = ChildProcess::spawn(&mut command, &log).expect("it starts");
    wait_until("two faults are over", FAULTS_MAX, || {
        running.try_exit().is_some() || running.log().matches("whole after").count() >= 2
    });
    if running.try_exit().is_some() && running.log().contains("is not installed") {
        skip!("PostgreSQL is not installed");
    }
    assert_eq!(running.try_exit(), None);
    kill_process(pid(running.pid()), Signal::INT).expect("it runs");
    wait_until("it ends", END_MAX, || running.try_exit().is_some());
    let code = running.try_exit().and_then(|status| status.code());
    let report = SoakReport::read(&json).expect("a report");
    assert_eq!((code, report.failures()), (Some(130), Vec::new()));
    assert!(report.interrupted);
    assert_faults(&report);
    assert_requests(&report);
    assert_samples(&report);
}

fn assert_faults(report: &SoakReport) {
    let of_kind = |kind| report.faults.iter().find(|record| record.kind == kind);
    let kill = of_kind(SoakFault::Kill).expect("one of two");
    let served_after_s = kill.served_after_s.expect("all shards are served");
    assert!(served_after_s >= LEASE_S, "{kill:?}");
    let of_one_node = 1..SHARDS;
    assert!(
        of_one_node.contains(&kill.interrupted_shards_count),
        "{kill:?}"
    );
    let fail_over = &report.fail_overs[&SoakFault::Kill];
    assert_eq!(fail_over.median_s, Some(served_after_s));

    let stall = of_kind(SoakFault::DatabaseStall).expect("one of two");
    assert_eq!(stall.interrupted_shards_count, SHARDS, "{stall:?}");
    // Nothing is committed while the server is stopped.
    let served_after_s = stall.served_after_s.expect("all shards are served");
    assert!(served_after_s >= stall.lasted_s - 0.1, "{stall:?}");
    for record in [kill, stall] {
        assert!(record.whole_after_s >= record.served_after_s, "{record:?}");
    }
}

fn assert_requests(report: &SoakReport) {
    let requests = &report.requests;
    let operations = requests.sent_by_operation_count.len();
    assert_eq!(operations, 8, "every operation is sent: {requests:?}");
    assert_eq!(
        requests.sent_count(),
        requests.succeeded_count + requests.failed_count()
    );
    // Clients also send to the node that is killed.
    assert!(
        requests.not_done_by_code_count["not connected"] > 0,
        "{requests:?}"
    );
    let probes_and_clients = u64::from(SHARDS) + 50;
    assert!(
        report.read_back_entities_count > probes_and_clients,
        "{report}"
    );
    // Nobody commits during the stall.
    let during = &report.latency_during_faults;
    assert!(
        during.succeeded_count > 0 && during.max_ms > 1_000.0,
        "{during:?}"
    );
    assert!(report.latency_between_faults.succeeded_count > 0);
}

fn assert_samples(report: &SoakReport) {
    assert!(report.samples.len() >= 2, "at the start and at the end");
    let first = &report.samples[0];
    let pids = first
        .nodes
        .iter()
        .map(|node| node.as_ref().expect("all run").pid);
    let pids: Vec<u32> = pids.collect();
    assert_eq!(pids.len(), 3);
    assert!(
        first
            .database_connections_count
            .is_some_and(|count| count >= 6),
        "{first:?}"
    );
    let last = report.samples.last().expect("at least two");
    let nodes = last.nodes.iter().zip(&pids);
    let restarted = nodes.filter(|(node, first)| node.as_ref().is_some_and(|it| it.pid != **first));
    assert_eq!(
        restarted.count(),
        1,
        "one node was killed: {:?}",
        report.samples
    );
    assert!(
        report
            .growth
            .iter()
            .all(|growth| growth.verdict == Verdict::TooShort)
    );
    for node in last.nodes.iter().flatten() {
        assert!(
            test_kill_process(pid(node.pid)).is_err(),
            "nodes have ended"
        );
    }
}

#[test]
fn soak_refuses_what_it_cannot_run() {
    let node = format!("--node={}", node_binary().display());
    for (arguments, named) in [
        (vec!["--node=no/such/node"], "no/such/node"),
        (vec!["--faults=promotion"], "database-stall"),
        (vec!["--kills=3", "--minutes=1"], "--kills"),
        (vec!["--json=no/such/folder/a.json"], "no/such/folder"),
        (vec!["--fault-every-s=1"], "8..=3600"),
    ] {
        let output = bench(&["soak"])
            .args(&arguments)
            .output()
            .expect("it starts");
        assert_exit_code(&output, 2);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(named), "{text}");
    }
    let without_postgres = bench(&["soak", &node])
        .env("FRITZY_TEST_POSTGRES_BIN", "/no/such/folder")
        .output()
        .expect("it starts");
    assert_exit_code(&without_postgres, 2);
    let text = String::from_utf8_lossy(&without_postgres.stderr);
    assert!(text.contains("is not installed"), "{text}");
}
