//! `cargo test --workspace`, counted by the output of libtest.
//!
//! Cargo runs one test binary after another. The one that mostly waits for brokers runs next to the
//! others.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::child_process::{self, Outputs};
use crate::metadata::{Metadata, Package};
use crate::test::environment::Environment;
use crate::test::outcome::{Counts, Outcome};

/// A cold build on two cores and all tests, with a margin.
const LIMIT: Duration = Duration::from_secs(55 * 60);

/// The test binary that runs next to the others: it breaks brokers of its own and waits for them,
/// with one core idle.
const BESIDE: &str = "brokers";

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    if !environment.cargo_test.is_empty() {
        let scope = scope(&environment.cargo_test)
            .into_iter()
            .map(str::to_owned);
        let arguments = scope
            .chain(environment.cargo_test.iter().cloned())
            .collect();
        return run_cargo(environment, arguments, &[]);
    }
    let build = arguments(&["--workspace", "--no-run"]);
    let built = run_cargo(environment, build, &[])?;
    if !built.is_ok() {
        return Ok(built);
    }
    let beside = arguments(&["--workspace", "--test", BESIDE]);
    let others = others(&Metadata::read()?.packages);
    let documentation = arguments(&["--workspace", "--doc"]);
    let mut beside = cargo_test(environment, beside, &[]);
    thread::scope(|scope| {
        let mut lines = Vec::new();
        let beside = scope.spawn(move || {
            let outcome = count(&mut beside, Outputs::OutUnshown, |line| {
                lines.push(line.to_owned());
            });
            (outcome, lines)
        });
        let others = run_cargo(environment, others, &[]);
        let documentation = run_cargo(environment, documentation, &[]);
        let (beside, lines) = beside.join().ok().context("a thread panicked")?;
        println!("\n     Beside: tests/{BESIDE}");
        lines.iter().for_each(|line| println!("{line}"));
        Ok(others?.and(beside?).and(documentation?))
    })
}

fn arguments(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

/// The arguments for all tests but those of the binary [`BESIDE`]. Cargo can only name what it
/// runs. With `--workspace`: without a crate, dependencies would have other features and be compiled
/// again.
fn others(packages: &[Package]) -> Vec<String> {
    let mut list = arguments(&["--workspace", "--lib", "--bins"]);
    for target in packages.iter().flat_map(|package| &package.targets) {
        if target.name != BESIDE && target.kind.iter().any(|kind| kind == "test") {
            list.extend(arguments(&["--test", &target.name]));
        }
    }
    list
}

/// Runs `cargo test` with these arguments, these variables and those of the services, and counts
/// the tests.
pub(super) fn run_cargo(
    environment: &Environment,
    arguments: Vec<String>,
    variables: &[(&str, &str)],
) -> Result<Outcome> {
    let mut command = cargo_test(environment, arguments, variables);
    count(&mut command, Outputs::Out, |_| {})
}

fn cargo_test(
    environment: &Environment,
    arguments: Vec<String>,
    variables: &[(&str, &str)],
) -> Command {
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
    command
}

fn count(
    command: &mut Command,
    outputs: Outputs,
    mut on_line: impl FnMut(&str),
) -> Result<Outcome> {
    let mut counted = Vec::new();
    let mut not_run = Vec::new();
    let ended = child_process::run(command, outputs, LIMIT, |line| {
        counted.extend(counts_in(line));
        not_run.extend(not_run_in(line));
        on_line(line);
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
    fn every_test_binary_runs_once() {
        let packages = Metadata::read().unwrap().packages;
        let others = others(&packages).join(" ");
        for target in packages.iter().flat_map(|package| &package.targets) {
            if target.kind == ["test"] {
                let runs = others.matches(&format!("--test {}", target.name)).count();
                let expected = usize::from(target.name != BESIDE);
                assert_eq!(runs, expected, "{}", target.name);
            }
        }
        let is_there = |package: &Package| package.targets.iter().any(|t| t.name == BESIDE);
        assert!(packages.iter().any(is_there));
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
