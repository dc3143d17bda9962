//! Every scenario of `fritzy-bench run`, for a blink, against the real parts: the real node, the real ceiling, a real
//! database. What is tested is that requests were answered and the report can be read. No figure is ever a gate.

mod postgres;
mod running;

use std::fs;
use std::path::Path;
use std::process::Stdio;

use fritzy_bench::{Fsync, LoopShape};
use fritzy_testbed::node_binary;
use running::{
    FEW_THINGS, bench, blink, pid, require, require_sound, run, run_with_node, wait_for,
};
use rustix::process::{Signal, kill_process, test_kill_process};
use tempfile::TempDir;

#[test]
fn read_against_ceiling() {
    let report = run_with_node(&blink(&["read", "--against=ceiling", "--accounts=20"]));
    require_sound(&report);
    let (read, ceiling) = (&report.subject, report.baseline.as_ref().expect("a side"));
    assert_eq!(read.durability.fsync, Fsync::On);
    assert_eq!(ceiling.durability.fsync, Fsync::NoStore);
    let settings = read.node_settings.as_ref().expect("our node");
    assert_eq!(settings["shards"], "1024");
    let ratios = report.ratios.as_ref().expect("pairs");
    assert!(ratios["accepted_per_s"].median > 0.0);
    assert!(ratios["server_cpu_us_per_request"].runs.len() == 1);
}

#[test]
fn hello_in_an_open_loop() {
    let report = run(&[
        "hello",
        "--rate=200",
        "--connections=4",
        "--warmup-s=0",
        "--duration-s=0.5",
        "--repeat=1",
    ]);
    require_sound(&report);
    assert_eq!(report.subject.settings.loop_shape, LoopShape::Open);
    assert_eq!(
        report.subject.totals.accepted_count, 100,
        "each due request"
    );
    assert_eq!(report.subject.figures["offered_per_s"].median, 200.0);
}

#[test]
fn a_node_that_is_asked_for_too_much_refuses_the_rest_and_goes_on() {
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
    let told = "open loop at a rate that follows from the knee, at most 500 in flight, 500 connections; \
                for bare HTTP and the knee, before and after: closed loop, 32 connections";
    assert!(table.contains(told), "{table}");
    let totals = &report.subject.totals;
    let codes: Vec<_> = totals.refused_by_code_count.keys().collect();
    assert_eq!(codes, ["OVERLOADED"], "{totals:?}");
    assert!(totals.accepted_count > 0 && totals.lost_by_kind_count.is_empty());
    let figures = &report.subject.figures;
    let median = |name: &str| figures[name].median;
    assert!(median("offered_per_s") > 1.5 * median("knee_per_s"));
    assert!(median("hello_per_s") > median("knee_per_s"));
    // Directions only: refusing is faster than waiting for the longest of those that were let in.
    assert!(median("node_refusals_p99_us") < median("accepted_max_us"));
}

#[test]
fn place_with_and_without_keys() {
    let few = blink(&FEW_THINGS);
    let sides = ["place", "--against=place:keyed", "--node-arg=--shards=8"];
    let report = run_with_node(&[&sides, few.as_slice()].concat());
    require_sound(&report);
    let keyed = report.baseline.as_ref().expect("a side");
    assert!(keyed.settings.keyed && !report.subject.settings.keyed);
    let settings = keyed.node_settings.as_ref().expect("our node");
    assert_eq!(settings["shards"], "8");
}

#[test]
fn actors_place_on_both_stores() {
    let few = blink(&FEW_THINGS);
    let sides = [
        "actors-place:keyed",
        "--against=actors-place:store=memory,batch-len-max=1",
    ];
    let report = run(&[&sides, few.as_slice()].concat());
    require_sound(&report);
    let memory = report.baseline.as_ref().expect("a side");
    assert_eq!(report.subject.durability.fsync, Fsync::On);
    assert_eq!(memory.durability.fsync, Fsync::InMemory);
    assert_eq!(memory.settings.batch_len_max_appends, Some(1));
}

/// A direction with a wide bound: what waits while one commit is synced goes into the next.
#[test]
fn grouped_commits_carry_more_than_single_ones() {
    let report = run(&[
        "actors-place",
        "--against=actors-place:batch-len-max=1",
        "--warmup-s=0.2",
        "--duration-s=1",
        "--repeat=1",
        "--accounts=20",
        "--products=10",
    ]);
    require_sound(&report);
    let ratios = report.ratios.as_ref().expect("pairs");
    let ratio = ratios["accepted_per_s"].median;
    assert!(ratio > 1.2, "{ratio}");
}

#[test]
fn actors_ask_repeated_and_compared_with_itself() {
    let folder = TempDir::new().expect("a folder");
    let json = folder.path().join("a.json");
    let report = run(&blink(&["actors-ask", "--pin", "--accounts=20"]));
    require_sound(&report);
    let said = report.settings.pinned.as_deref();
    assert!(said.is_some_and(|said| said.starts_with("not pinned")));
    report.write(&json).expect("written");
    let output = bench(&["compare"]).arg(&json).arg(&json).output();
    let output = output.expect("it starts");
    require(&output, 0);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("1.000"), "{table}");
    assert!(!table.contains("not the same"), "{table}");
}

#[cfg(target_os = "linux")]
#[test]
fn pinned_where_there_are_two_cores() {
    let report = run(&blink(&["hello", "--pin"]));
    require_sound(&report);
    let said = report.settings.pinned.expect("it was asked for");
    assert!(said.contains("core"), "{said}");
}

#[test]
fn flags_that_do_not_fit_are_refused_before_anything_is_started() {
    for (arguments, named) in [
        (vec!["raed"], "known are read, ceiling"),
        (
            vec!["read", "--in-flight=9", "--connections=2"],
            "9 requests",
        ),
        (vec!["read", "--node=no/such/node"], "no/such/node"),
        (
            vec!["hello", "--products=3"],
            "no use for --products: hello takes",
        ),
        (
            vec!["place:store=memory"],
            "place:store=memory: a node has no store in memory",
        ),
        (
            vec!["overload", "--url=http://localhost:1/graphql"],
            "no use for --url",
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
fn an_interrupt_stops_what_was_started() {
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
    assert!(test_kill_process(pid(node)).is_err(), "the node is gone");
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0);
}

/// The process id of the node whose data is below the folder: it writes it into the lock beside its database.
fn node_below(folder: &Path) -> Option<u32> {
    let run = fs::read_dir(folder).ok()?.next()?.ok()?;
    let lock = run.path().join("data/fritzy.db.lock");
    fs::read_to_string(lock).ok()?.trim().parse().ok()
}
