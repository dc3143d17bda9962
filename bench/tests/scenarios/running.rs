//! Runs `fritzy-bench` for a blink, and looks at what it reports and leaves.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use fritzy_bench::measure::Report;
use rustix::process::Pid;
use tempfile::TempDir;

use fritzy_testbed::node_binary;

/// So short that all of this takes seconds; the figures mean nothing, which the report says of a debug build.
pub(crate) const BLINK: [&str; 4] = [
    "--warmup-s=0.1",
    "--duration-s=0.3",
    "--repeat=1",
    "--in-flight=8",
];
pub(crate) const FEW_THINGS: [&str; 2] = ["--accounts=20", "--products=10"];

pub(crate) fn bench(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fritzy-bench"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The same of a scenario with a node.
pub(crate) fn run_with_node(arguments: &[&str]) -> Report {
    let node = format!("--node={}", node_binary().display());
    run(&[arguments, &[node.as_str()]].concat())
}

/// Runs `run` with these arguments, in a folder where nothing may remain.
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
    require(&output, 0);
    let left = fs::read_dir(&data).expect("the folder").count();
    assert_eq!(left, 0, "what was started is stopped and removed");
    let report = Report::read(&json).expect("a report");
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(table.contains("accepted"), "{table}");
    report
}

pub(crate) fn require(output: &Output, code: i32) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
}

/// Requests were answered, and all as asked.
pub(crate) fn require_sound(report: &Report) {
    for side in [Some(&report.subject), report.baseline.as_ref()]
        .into_iter()
        .flatten()
    {
        let totals = &side.totals;
        assert!(totals.accepted_count > 0, "{totals:?}");
        assert_eq!(totals.not_accepted(), [""; 0], "{}", side.settings.side);
        assert!(side.figures["accepted_per_s"].median > 0.0);
        assert!(side.figures["accepted_p50_us"].median > 0.0);
    }
    assert!(report.stamp.machine.cores_count.is_some());
}

pub(crate) fn blink<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &BLINK].concat()
}

pub(crate) fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it takes too long"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn pid(id: u32) -> Pid {
    let raw = i32::try_from(id).expect("a process id");
    Pid::from_raw(raw).expect("it is above 0")
}
