//! Output of commands: text on stdout, errors as one line on stderr, and exit codes.

use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Prints a text to stdout.
pub(super) fn out(text: &str) -> ExitCode {
    // A closed pipe is the reader's choice.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Prints a text to stdout, and waits at most `limit` for it. A full stdout keeps a thread, which
/// ends with the process.
pub(super) fn out_within(text: String, limit: Duration) {
    let (sender, printed) = mpsc::channel::<()>();
    let thread = thread::Builder::new().name("banner".to_owned());
    // Without a thread, the text is omitted.
    let _ = thread.spawn(move || {
        out(&text);
        drop(sender);
    });
    // Returns when the sender is dropped.
    let _ = printed.recv_timeout(limit);
}

/// The line that reports an error.
pub(super) fn error_line(reason: &str) -> String {
    format!("fritzy: {reason}")
}

/// Prints a text to stderr, when stdout has something else.
pub(super) fn report(text: &str) -> ExitCode {
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Prints an error to stderr and returns the exit code.
pub(super) fn fail(reason: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{}", error_line(reason));
    ExitCode::from(code)
}
