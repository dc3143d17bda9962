//! `cargo test --workspace`, counted by the output of libtest.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::child_process::{self, Outputs};
use crate::test::environment::Environment;
use crate::test::outcome::{Counts, Outcome};

/// A cold build on two cores and all tests, with a margin.
const LIMIT: Duration = Duration::from_secs(70 * 60);

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    let scope = scope(&environment.cargo_test)
        .into_iter()
        .map(str::to_owned);
    let arguments = scope
        .chain(environment.cargo_test.iter().cloned())
        .collect();
    run_cargo(environment, arguments, &[])
}

/// Runs `cargo test` with these arguments, these variables and those of the services, and counts
/// the tests.
pub(super) fn run_cargo(
    environment: &Environment,
    arguments: Vec<String>,
    variables: &[(&str, &str)],
) -> Result<Outcome> {
    let mut counted = Vec::new();
    let mut not_run = Vec::new();
    let mut command = Command::new(&environment.cargo);
    command
        .current_dir(&environment.root)
        // Count all test binaries, even after one has failed.
        .args(["test", "--locked", "--no-fail-fast"])
        .args(arguments)
        .envs(variables.iter().copied());
    for service in environment.services.borrow().iter() {
        command.env(service.variable, &service.value);
    }
    let ended = child_process::run(&mut command, Outputs::Out, LIMIT, |line| {
        counted.extend(counts_in(line));
        not_run.extend(not_run_in(line));
    })?;
    let counts = counted.into_iter().sum();
    Ok(outcome(counts, ended.fault("cargo test")).without(not_run))
}

/// `--workspace`, unless the arguments choose crates: with `--workspace`, Cargo ignores `-p`.
fn scope(arguments: &[String]) -> Option<&'static str> {
    let for_cargo = arguments.iter().take_while(|argument| *argument != "--");
    let chooses =
        |argument: &String| argument.starts_with("-p") || argument.starts_with("--package");
    (!for_cargo.into_iter().any(chooses)).then_some("--workspace")
}

/// A failure without a failed test counts as one: code that does not compile, a test binary that
/// was killed.
fn outcome(counts: Counts, end: Option<String>) -> Outcome {
    let unexplained = end.filter(|_| counts.failed == 0);
    Outcome::passed(counts).and_fault(unexplained)
}

/// The report of a test that this machine cannot run: `skipped test: traced: strace is not
/// installed`.
fn not_run_in(line: &str) -> Option<String> {
    line.strip_prefix("skipped test: ")
        .map(|test| test.trim_end().to_owned())
}

/// The last line of libtest for a test binary, coloured or not:
/// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s`.
fn counts_in(line: &str) -> Option<Counts> {
    let result = line.strip_prefix("test result: ")?;
    let words: Vec<&str> = result.split([' ', ';']).collect();
    let number = |of: &str| {
        words
            .windows(2)
            .find(|pair| pair[1] == of)
            .and_then(|pair| pair[0].parse().ok())
    };
    Some(Counts {
        passed: number("passed")?,
        failed: number("failed")?,
        skipped: number("ignored")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_of_libtest_is_parsed() {
        let line = "test result: FAILED. 31 passed; 2 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.01s";
        let expected = Counts {
            passed: 31,
            failed: 2,
            skipped: 1,
        };
        assert_eq!(counts_in(line), Some(expected));
        assert_eq!(
            counts_in(&line.replace("FAILED", "\u{1b}[31mFAILED\u{1b}(B\u{1b}[m")),
            Some(expected)
        );
        assert_eq!(counts_in("test order::total_is_exact ... ok"), None);
        assert_eq!(counts_in("test result: unknown"), None);
    }

    #[test]
    fn skipped_test_is_named_with_its_reason() {
        let named = not_run_in("skipped test: traced: no strace\n");
        assert_eq!(named.as_deref(), Some("traced: no strace"));
        assert_eq!(not_run_in("test traced::skipped test: ... ok"), None);
    }

    #[test]
    fn chosen_crates_replace_the_workspace() {
        let scope = |arguments: &[&str]| {
            scope(
                &arguments
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(scope(&[]), Some("--workspace"));
        assert_eq!(scope(&["total", "--", "-prefix"]), Some("--workspace"));
        assert_eq!(scope(&["-p", "fritzy-domain"]), None);
        assert_eq!(scope(&["--package=fritzy-domain"]), None);
    }

    #[test]
    fn exit_without_a_failed_test_is_a_failure() {
        let end = || Some("cargo test ended with exit status: 101".to_owned());
        let failed = Counts {
            failed: 2,
            ..Counts::default()
        };
        assert_eq!(outcome(Counts::default(), end()).counts().failed, 1);
        assert_eq!(outcome(failed, end()).counts().failed, 2);
        assert!(outcome(Counts::default(), None).is_ok());
    }
}
