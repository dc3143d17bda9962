//! Every scenario of `fritzy-bench run` in a short run against the real parts: a real node, the
//! real baseline server, a real database. The tests check that requests are accepted and the report
//! is readable. No figure is ever a gate.

mod postgres;
mod running;
mod soak;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use fritzy_bench::{Fsync, LoopShape};
use fritzy_testbed::node_binary;
use running::{
    SMALL_DATASET, assert_complete, assert_exit_code, bench, pid, run, run_with_node, short,
    wait_for,
};
use rustix::process::{Signal, kill_process, test_kill_process};
use tempfile::TempDir;

#[test]
fn read_is_compared_with_the_baseline_server() {
    let report = run_with_node(&short(&["read", "--against=ceiling", "--accounts=20"]));
    assert_complete(&report);
    let (read, baseline) = (
        &report.subject,
        report.baseline.as_ref().expect("a baseline"),
    );
    assert_eq!(read.durability.fsync, Fsync::On);
    assert_eq!(baseline.durability.fsync, Fsync::NoStore);
    let settings = read.node_settings.as_ref().expect("a started node");
    assert_eq!(settings["shards"], "1024");
    let ratios = report.ratios.as_ref().expect("pairs");
    assert!(ratios["accepted_per_s"].median > 0.0);
    assert!(ratios["server_cpu_us_per_request"].runs.len() == 1);
}

#[test]
fn hello_in_an_open_loop_sends_every_due_request() {
    let report = run(&[
        "hello",
        "--rate=200",
        "--connections=4",
        "--warmup-s=0",
        "--duration-s=0.5",
        "--repeat=1",
    ]);
    assert_complete(&report);
    assert_eq!(report.subject.settings.loop_shape, LoopShape::Open);
    assert_eq!(
        report.subject.totals.accepted_count, 100,
        "every due request"
    );
    assert_eq!(report.subject.figures["offered_per_s"].median, 200.0);
}

#[test]
fn overloaded_node_rejects_excess_and_recovers() {
    let report = run_with_node(&[
        "overload",
        "--warmup-s=0.1",
        "--duration-s=2",
        "--repeat=1",
        "--accounts=20",
        "--products=10",
        "--connections=500",
        "--knee-connections=32",
        "--node-arg=--requests-max=64",
    ]);
    let settings = &report.subject.settings;
    let connections = (settings.connections_count, settings.knee_connections_count);
    assert_eq!(connections, (Some(500), Some(32)));
    let table = report.to_string();
    let expected = "open loop at a rate derived from the knee, at most 500 in flight, 500 connections; \
                bare HTTP, knee and recovery: closed loop, 32 connections";
    assert!(table.contains(expected), "{table}");
    let totals = &report.subject.totals;
    let codes: Vec<_> = totals.refused_by_code_count.keys().collect();
    assert_eq!(codes, ["OVERLOADED"], "{totals:?}");
    assert!(totals.accepted_count > 0 && totals.lost_by_kind_count.is_empty());
    let figures = &report.subject.figures;
    let median = |name: &str| figures[name].median;
    assert!(median("offered_per_s") > 1.5 * median("knee_per_s"));
    assert!(median("hello_per_s") > median("knee_per_s"));
    // A direction only: a rejection is faster than the slowest admitted request.
    assert!(median("node_refusals_p99_us") < median("accepted_max_us"));
}

#[test]
fn place_runs_with_and_without_keys() {
    let few = short(&SMALL_DATASET);
    let variants = ["place", "--against=place:keyed", "--node-arg=--shards=8"];
    let report = run_with_node(&[&variants, few.as_slice()].concat());
    assert_complete(&report);
    let keyed = report.baseline.as_ref().expect("a baseline");
    assert!(keyed.settings.keyed && !report.subject.settings.keyed);
    let settings = keyed.node_settings.as_ref().expect("a started node");
    assert_eq!(settings["shards"], "8");
}

#[test]
fn actors_place_runs_on_sqlite_and_in_memory() {
    let few = short(&SMALL_DATASET);
    let variants = [
        "actors-place:keyed",
        "--against=actors-place:store=memory,batch-len-max=1",
    ];
    let report = run(&[&variants, few.as_slice()].concat());
    assert_complete(&report);
    let memory = report.baseline.as_ref().expect("a baseline");
    assert_eq!(report.subject.durability.fsync, Fsync::On);
    assert_eq!(memory.durability.fsync, Fsync::InMemory);
    assert_eq!(memory.settings.batch_len_max_appends, Some(1));
}

/// A direction with a wide bound: writes that arrive during an fsync share the next commit.
#[test]
fn group_commit_has_higher_throughput_than_single_commits() {
    let report = run(&[
        "actors-place",
        "--against=actors-place:batch-len-max=1",
        "--warmup-s=0.2",
        "--duration-s=1",
        "--repeat=1",
        "--accounts=20",
        "--products=10",
    ]);
    assert_complete(&report);
    let ratios = report.ratios.as_ref().expect("pairs");
    let ratio = ratios["accepted_per_s"].median;
    assert!(ratio > 1.2, "{ratio}");
}

#[test]
fn report_compared_with_itself_has_no_difference() {
    let folder = TempDir::new().expect("a folder");
    let json = folder.path().join("a.json");
    let report = run(&short(&["actors-ask", "--pin", "--accounts=20"]));
    assert_complete(&report);
    let pinned = report.settings.pinned.as_deref();
    assert!(pinned.is_some_and(|pinned| pinned.starts_with("not pinned")));
    report.write(&json).expect("written");
    let output = bench(&["compare"]).arg(&json).arg(&json).output();
    let output = output.expect("it starts");
    assert_exit_code(&output, 0);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("1.000"), "{table}");
    assert!(!table.contains("different "), "{table}");
}

#[cfg(target_os = "linux")]
#[test]
fn pin_flag_selects_two_cores() {
    let report = run(&short(&["hello", "--pin"]));
    assert_complete(&report);
    let pinned = report.settings.pinned.expect("--pin is set");
    assert!(pinned.contains("core"), "{pinned}");
}

#[test]
fn invalid_flags_are_rejected_before_the_start() {
    for (arguments, named) in [
        (vec!["raed"], "the scenarios are read, ceiling"),
        (
            vec!["read", "--in-flight=9", "--connections=2"],
            "9 requests",
        ),
        (vec!["read", "--node=no/such/node"], "no/such/node"),
        (
            vec!["hello", "--products=3"],
            "not applicable: --products; hello takes",
        ),
        (
            vec!["place:store=memory"],
            "place:store=memory: a node has no memory store",
        ),
        (
            vec!["overload", "--url=http://localhost:1/graphql"],
            "not applicable: --url",
        ),
        (vec!["actors-ask", "--threads=2"], "--threads"),
        (
            vec!["read", "--json=no/such/folder/a.json"],
            "no/such/folder",
        ),
        (vec!["read", "--url=https://shop.example/"], "TLS"),
    ] {
        let output = bench(&["run"])
            .args(&arguments)
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{text}");
        assert!(text.contains(named), "{text}");
    }
}

#[test]
fn interrupt_stops_the_started_node() {
    let folder = TempDir::new().expect("a folder");
    let running = bench(&["run", "read", "--duration-s=60", "--accounts=5"])
        .arg("--node")
        .arg(node_binary())
        .arg("--data-in")
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut running = running.expect("it starts");
    let node = wait_for(|| node_below(folder.path()));
    kill_process(pid(running.id()), Signal::INT).expect("it runs");
    let ended = wait_for(|| running.try_wait().expect("a child"));
    assert_eq!(ended.code(), Some(130));
    assert!(test_kill_process(pid(node)).is_err(), "the node has ended");
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0);
}

/// The process id of the node whose data is in the folder, from the lock file of its database.
fn node_below(folder: &Path) -> Option<u32> {
    let run = fs::read_dir(folder).ok()?.next()?.ok()?;
    let lock = run.path().join("data/fritzy.db.lock");
    fs::read_to_string(lock).ok()?.trim().parse().ok()
}
