//! Output of commands: text on stdout, errors as one line on stderr, and exit codes.

use std::io::Write;
use std::process::ExitCode;

/// Prints a text to stdout.
pub(super) fn out(text: &str) -> ExitCode {
    // A closed pipe is the reader's choice.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Prints a text to stderr, when stdout has something else.
pub(super) fn report(text: &str) -> ExitCode {
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Prints an error to stderr and returns the exit code.
pub(super) fn fail(line: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "fritzy: {line}");
    ExitCode::from(code)
}
