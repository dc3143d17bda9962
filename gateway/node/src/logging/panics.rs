//! Panics are log lines: the standard hook would write them to stderr itself, and block on it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::json;
use tracing::field::display;
use tracing::{Level, enabled, error};

use super::line_queue::LineQueue;

/// How long a panic waits for its line to be written, because some end the process at once. A sink
/// that works takes microseconds.
const WRITE_TIME_MAX: Duration = Duration::from_millis(250);

/// Logs each panic of this process, with a backtrace if `RUST_BACKTRACE` is set.
pub(super) fn log_panics(queue: Arc<LineQueue>) {
    panic::set_hook(Box::new(move |panic| {
        log(panic, &queue);
        // A sink that blocks is waited for once, not by every panic.
        if !queue.is_stuck() {
            queue.wait_written(WRITE_TIME_MAX);
        }
    }));
}

fn log(panic: &PanicHookInfo<'_>, queue: &LineQueue) {
    let reason = panic.payload_as_str().unwrap_or("(not a text)");
    let location = panic.location().map(ToString::to_string);
    let location = location.as_deref();
    let thread = thread::current();
    let thread = thread.name().unwrap_or("(unnamed)");
    if !enabled!(Level::ERROR) {
        // A filter that shows some modules only is no wish to overlook panics.
        let fields = [
            ("reason", json!(reason)),
            ("location", json!(location)),
            ("thread", json!(thread)),
        ];
        return queue.push(&queue.format().line("ERROR", "panicked", &fields));
    }
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    let backtrace = is_captured.then(|| display(backtrace));
    error!(reason, location, thread, backtrace, "panicked");
}
