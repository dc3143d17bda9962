//! Outside clients: programs of others that run against a real node, and whose checks are counted.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::outcome::{Counts, Outcome};
use crate::child_process::{self, Outputs};

/// A passing run takes seconds, in a browser too. One in which everything fails has a timeout for
/// each check.
const CLIENT_MAX: Duration = Duration::from_secs(5 * 60);

/// Whether a client can be started.
pub(crate) enum Ready {
    /// It can, with this program.
    With(PathBuf),
    /// This machine lacks a tool, for this reason.
    Missing(String),
}

/// Runs one client to its end and counts its checks. The name is for messages.
///
/// # Errors
/// When the program cannot be started.
pub(crate) fn run(command: &mut Command, name: &str) -> Result<Outcome> {
    let mut tally = Tally::default();
    let ended = child_process::run(command, Outputs::Out, CLIENT_MAX, |line| tally.read(line))?;
    Ok(tally.outcome(ended.fault(name)))
}

/// Counts the lines that a client prints: `ok - …`, `not ok - …`, and at the end `N passed, M
/// failed`.
#[derive(Debug, Default)]
struct Tally {
    counts: Counts,
    last_line: String,
}

impl Tally {
    fn read(&mut self, line: &str) {
        if line.starts_with("ok - ") {
            self.counts.passed += 1;
        } else if line.starts_with("not ok - ") {
            self.counts.failed += 1;
        }
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut self.last_line);
        }
    }

    /// The exit status of a client is a failure of its own only if none of its checks failed.
    fn outcome(self, end: Option<String>) -> Outcome {
        let Counts { passed, failed, .. } = self.counts;
        let expected = format!("{passed} passed, {failed} failed");
        let cut_short = (self.last_line != expected).then(|| {
            format!(
                "the last line should be `{expected}` and is `{}`",
                self.last_line
            )
        });
        let end = end.filter(|_| failed == 0);
        Outcome::passed(self.counts).and_fault(end.or(cut_short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(output: &str, end: Option<&str>) -> String {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        let outcome = tally.outcome(end.map(str::to_owned));
        format!("{} {}", outcome.counts(), outcome.is_ok())
    }

    #[test]
    fn checks_are_counted() {
        let fine = "ok - 22EB SHOULD accept\nnoise\nok - 4655 MUST accept\n2 passed, 0 failed\n";
        assert_eq!(outcome(fine, None), "2 passed, 0 failed, 0 skipped true");
        let bad = "ok - a\nnot ok - b: reason\n1 passed, 1 failed\n";
        assert_eq!(
            outcome(bad, Some("exit status: 1")),
            "1 passed, 1 failed, 0 skipped false"
        );
    }

    #[test]
    fn client_without_its_last_line_is_a_failure() {
        assert_eq!(
            outcome("ok - a\n", None),
            "1 passed, 1 failed, 0 skipped false"
        );
        assert_eq!(
            outcome("", Some("exit status: 1")),
            "0 passed, 1 failed, 0 skipped false"
        );
        assert_eq!(
            outcome("ok - a\n1 passed, 0 failed\n", Some("killed")),
            "1 passed, 1 failed, 0 skipped false"
        );
    }
}
