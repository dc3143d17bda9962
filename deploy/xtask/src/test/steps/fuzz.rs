//! Fuzzing: schemathesis generates requests from the schema, and sends them to a real node.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::test::client::{self, Ready};
use crate::test::environment::Environment;
use crate::test::node::{log_of, with_node};
use crate::test::outcome::Outcome;
use crate::test::python;

const NAME: &str = "fuzz";

/// Signs of a bug in a node's log, as text or JSON. Clients may not notice it.
const SIGNS_OF_A_BUG: [&str; 3] = ["panicked at", "\"level\":\"ERROR\"", " ERROR "];

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    let folder = environment.root.join("gateway/tests/fuzz");
    let requirements = folder.join("requirements.txt");
    let python = match python::prepare(environment, NAME, &requirements)? {
        Ready::With(python) => python,
        Ready::Missing(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let work = environment.target.join("xtask/fuzz");
    let outcome = with_node(environment, NAME, |url| {
        let mut command = Command::new(&python);
        command
            // No compiled files in the repository.
            .arg("-B")
            .arg(folder.join("fuzz.py"))
            .args([Path::new(url), &work]);
        client::run(&mut command, "fuzz.py")
    })?;
    let log = fs::read_to_string(log_of(environment, NAME))?;
    Ok(outcome.and_fault(first_bug(&log)))
}

/// The first line of a log that reports a bug.
fn first_bug(log: &str) -> Option<String> {
    let line = log
        .lines()
        .find(|line| SIGNS_OF_A_BUG.iter().any(|sign| line.contains(sign)))?;
    Some(format!("the node's log has: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_and_error_in_the_log_are_faults() {
        let fine =
            "{\"timestamp\":\"…\",\"level\":\"INFO\",\"fields\":{\"message\":\"serving\"}}\n";
        assert_eq!(first_bug(fine), None);
        for bad in [
            "thread 'tokio-rt-worker' (7) panicked at gateway/src/graphql/query.rs:1:1:",
            &fine.replace("INFO", "ERROR"),
            "2026-11-23T10:00:00Z ERROR fritzy_actors: a shard's supervisor died",
        ] {
            assert!(
                first_bug(&format!("{fine}{bad}\n{fine}")).is_some(),
                "{bad}"
            );
        }
    }
}
