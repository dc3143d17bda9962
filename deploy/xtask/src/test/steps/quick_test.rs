//! The fast part of the tests: no servers, no processes, no outside clients.

use anyhow::Result;

use crate::test::environment::Environment;
use crate::test::outcome::Outcome;

use super::cargo_test::run_cargo;

/// Test binaries without servers or processes of their own.
const SUITES: [&str; 9] = [
    "api",
    "event_forms",
    "order_rules",
    "resident_memory",
    "runner",
    "shells",
    "simulation",
    "stores",
    "verify",
];

/// Parts of test names that need a PostgreSQL server.
const SKIPPED: [&str; 5] = [
    "consistency_token",
    "database_lock",
    "outages",
    "postgres",
    "tls",
];

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    // With `--workspace`: for some crates, dependencies would have other features and be compiled
    // again.
    let suites = SUITES.iter().flat_map(|suite| ["--test", suite]);
    let skipped = SKIPPED.iter().flat_map(|name| ["--skip", name]);
    let (for_cargo, for_tests) = split(&environment.cargo_test);
    let arguments = ["--workspace", "--lib"]
        .into_iter()
        .chain(suites)
        .chain(for_cargo.iter().map(String::as_str))
        .chain(["--"])
        .chain(skipped)
        .chain(for_tests.iter().map(String::as_str))
        .map(str::to_owned);
    run_cargo(environment, arguments.collect(), &[])
}

/// Arguments for Cargo, and those behind `--` for the test binaries.
fn split(arguments: &[String]) -> (&[String], &[String]) {
    let mut parts = arguments.splitn(2, |argument| argument == "--");
    let for_cargo = parts.next().unwrap_or_default();
    (for_cargo, parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::metadata::Metadata;

    use super::*;

    #[test]
    fn arguments_of_cargo_and_of_tests_are_separated() {
        let arguments = |line: &str| -> Vec<String> {
            line.split_whitespace().map(ToString::to_string).collect()
        };
        for (line, for_cargo, for_tests) in [
            ("", "", ""),
            ("order", "order", ""),
            ("order -- --nocapture -- x", "order", "--nocapture -- x"),
            ("-- --nocapture", "", "--nocapture"),
        ] {
            let line = arguments(line);
            let expected = (arguments(for_cargo), arguments(for_tests));
            let (cargo, tests) = split(&line);
            assert_eq!((cargo.to_vec(), tests.to_vec()), expected);
        }
    }

    #[test]
    fn every_suite_exists() {
        let packages = Metadata::read().unwrap().packages;
        let exists = |suite: &str| {
            packages.iter().any(|package| {
                let tests = package.manifest_path.with_file_name("tests");
                let file = tests.join(format!("{suite}.rs"));
                file.exists() || tests.join(suite).join("main.rs").exists()
            })
        };
        for suite in SUITES {
            assert!(exists(suite), "there is no suite {suite}");
        }
    }
}
