//! Runs `fritzy-bench` briefly, and checks its report and that nothing is left.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use fritzy_bench::measure::Report;
use rustix::process::Pid;
use tempfile::TempDir;

use fritzy_testbed::{node_binary, wait_until};

/// So short that all tests take seconds. The figures are meaningless, which the report of a debug
/// build says.
pub(crate) const SHORT_RUN: [&str; 4] = [
    "--warmup-s=0.1",
    "--duration-s=0.3",
    "--repeat=1",
    "--in-flight=8",
];
pub(crate) const SMALL_DATASET: [&str; 2] = ["--accounts=20", "--products=10"];

pub(crate) fn bench(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fritzy-bench"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// As [`run`], for a scenario with a node.
pub(crate) fn run_with_node(arguments: &[&str]) -> Report {
    let node = format!("--node={}", node_binary().display());
    run(&[arguments, &[node.as_str()]].concat())
}

/// Runs `run` with these arguments; its data folder must be empty afterwards.
pub(crate) fn run(arguments: &[&str]) -> Report {
    let folder = TempDir::new().expect("a folder");
    let (data, json) = (folder.path().join("data"), folder.path().join("a.json"));
    fs::create_dir(&data).expect("another");
    let output = bench(&["run"])
        .args(arguments)
        .arg("--data-in")
        .arg(&data)
        .arg("--json")
        .arg(&json)
        .output()
        .expect("it starts");
    assert_exit_code(&output, 0);
    let left = fs::read_dir(&data).expect("the folder").count();
    assert_eq!(left, 0, "all data is removed");
    let report = Report::read(&json).expect("a report");
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(table.contains("accepted"), "{table}");
    report
}

pub(crate) fn assert_exit_code(output: &Output, code: i32) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
}

/// Checks that requests were sent and all were accepted.
pub(crate) fn assert_complete(report: &Report) {
    for variant in [Some(&report.subject), report.baseline.as_ref()]
        .into_iter()
        .flatten()
    {
        let totals = &variant.totals;
        assert!(totals.accepted_count > 0, "{totals:?}");
        assert_eq!(
            totals.not_accepted(),
            [""; 0],
            "{}",
            variant.settings.variant
        );
        assert!(variant.figures["accepted_per_s"].median > 0.0);
        assert!(variant.figures["accepted_p50_us"].median > 0.0);
    }
    assert!(report.environment.machine.cores_count.is_some());
}

pub(crate) fn short<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &SHORT_RUN].concat()
}

pub(crate) fn wait_for<T>(mut check: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    wait_until("a result", Duration::from_secs(60), || {
        found = check();
        found.is_some()
    });
    found.expect("the wait ended")
}

pub(crate) fn pid(id: u32) -> Pid {
    let raw = i32::try_from(id).expect("a process id");
    Pid::from_raw(raw).expect("it is above 0")
}
