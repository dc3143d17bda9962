//! Logging of a whole process: its panics, and its end.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fritzy_testbed::wait_until;
use serde_json::Value;
use tracing::info;

use super::Logging;
use super::line_queue::LINES_MAX;
use crate::settings::LogFormat;

/// Longer than any wait that succeeds.
const LONG: Duration = Duration::from_secs(60);
/// What the process of a test does, and the filter of its log.
const TASK: &str = "FRITZY_TEST_LOGGING_TASK";
const FILTER: &str = "FRITZY_TEST_LOGGING_FILTER";
/// Its exit code.
const ENDED: i32 = 7;
/// Lines that fit into the queue and not into a pipe.
const BURST: usize = LINES_MAX / 2;

/// Not a test of its own: the process of the tests below, which choose its stderr.
#[test]
fn other_process() {
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let filter = std::env::var(FILTER).unwrap();
    let logging = Logging::start(&filter, LogFormat::Json).ok().unwrap();
    match task.as_str() {
        "panic" => panic_once(),
        "abort" => panic_twice(),
        "panics" => (0..LINES_MAX + 1_000).for_each(|_| panic_once()),
        _ => {
            (0..BURST).for_each(|n| info!(n, "burst"));
            io::Write::write_all(&mut io::stdout(), b"\nlogged\n").unwrap();
        }
    }
    drop(logging);
    std::process::exit(ENDED);
}

fn panic_once() {
    let thread = std::thread::Builder::new().name("request".to_owned());
    let panicked = thread.spawn(|| assert!(std::env::var(TASK).is_err(), "injected"));
    assert!(panicked.unwrap().join().is_err());
}

/// A panic while another one unwinds ends the process at once.
fn panic_twice() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            assert!(std::env::var(TASK).is_err(), "second");
        }
    }
    let _panics = Panics;
    assert!(std::env::var(TASK).is_err(), "first");
}

fn process(task: &str, filter: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "logging::process_tests::other_process"])
        .arg("--nocapture")
        .env(TASK, task)
        .env(FILTER, filter)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// A process that is killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first line of a log.
fn first(log: &str) -> Value {
    serde_json::from_str(log.lines().next().unwrap()).unwrap()
}

#[test]
fn panics_do_not_block_on_an_unread_pipe() {
    let (_unread, stderr) = io::pipe().unwrap();
    let child = process("panics", "info").stderr(stderr).spawn();
    let mut process = Killed(child.unwrap());
    let has_ended = || process.0.try_wait().unwrap().is_some();
    wait_until("its exit", LONG, has_ended);
    assert_eq!(process.0.wait().unwrap().code(), Some(ENDED));
}

#[test]
fn panic_is_a_log_line_with_its_location() {
    for (filter, target) in [
        ("info", "fritzy_node::logging::panics"),
        ("off", "fritzy_node::logging"),
    ] {
        let output = process("panic", filter).output().unwrap();
        assert_eq!(output.status.code(), Some(ENDED));
        let line = first(&String::from_utf8(output.stderr).unwrap());
        assert_eq!(line["message"], "panicked", "{line}");
        assert_eq!(line["level"], "ERROR", "{line}");
        assert_eq!(line["target"], target, "{line}");
        assert_eq!(line["reason"], "injected", "{line}");
        assert_eq!(line["thread"], "request", "{line}");
        let location = line["location"].as_str().unwrap();
        assert!(location.contains("logging/process_tests.rs:"), "{line}");
        assert!(line["backtrace"].is_null(), "{line}");
    }
}

#[test]
fn panic_has_its_backtrace_if_one_is_requested() {
    let mut process = process("panic", "info");
    let output = process.env("RUST_BACKTRACE", "1").output().unwrap();
    let line = first(&String::from_utf8(output.stderr).unwrap());
    let backtrace = line["backtrace"].as_str().unwrap();
    assert!(backtrace.contains("panic_once"), "{backtrace}");
}

#[test]
fn panics_that_abort_the_process_are_logged() {
    let output = process("abort", "info").output().unwrap();
    assert_eq!(output.status.code(), None, "ended by a signal");
    let log = String::from_utf8(output.stderr).unwrap();
    for reason in [r#""reason":"first""#, r#""reason":"second""#] {
        assert!(log.contains(reason), "{log}");
    }
}

#[test]
fn process_that_ends_writes_the_lines_that_wait() {
    let (mut log, stderr) = io::pipe().unwrap();
    let mut command = process("burst", "info");
    let child = command.stdout(Stdio::piped()).stderr(stderr).spawn();
    // It holds an end of the pipe.
    drop(command);
    let mut process = Killed(child.unwrap());
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "logged"));
    // The process is at its end, and more lines wait than the pipe has taken.
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert_eq!(process.0.wait().unwrap().code(), Some(ENDED));
    let logged = text.lines().map(|line| first(line)["n"].as_u64().unwrap());
    assert!(logged.eq(0..BURST as u64), "{} lines", text.lines().count());
}
