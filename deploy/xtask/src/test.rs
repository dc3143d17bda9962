//! `cargo xtask test`: all tests, step by step, with one count at the end.
//!
//! The Rust tests run first; then outside clients run against a real node. Tests and steps that
//! lack a tool are skipped by name and counted.

mod client;
mod environment;
mod node;
mod outcome;
mod python;
mod report;
mod steps;
mod web;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::install;
use environment::Environment;
use outcome::Outcome;
use report::Record;
use steps::Step;

/// Which steps to run, and how.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run the domain, the memory and SQLite suites and the API on SQLite only: no servers, no
    /// outside clients.
    #[arg(long, conflicts_with = "only")]
    quick: bool,
    /// Run only this step and the steps it needs (may be repeated).
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// List the steps and stop.
    #[arg(long)]
    list: bool,
    /// As root, install missing tools with apt-get; then a failing `npm ci` is a failure.
    #[arg(long)]
    install: bool,
    /// Arguments for `cargo test`.
    #[arg(last = true, value_name = "CARGO TEST ARGUMENTS")]
    cargo_test: Vec<String>,
}

/// Runs the steps, and returns whether none failed. The last line printed is the count.
///
/// # Errors
/// When a step of this name does not exist, or `cargo metadata` fails.
pub(crate) fn run(arguments: Arguments) -> Result<bool> {
    if arguments.list {
        for step in steps::ALL.iter().chain([&steps::QUICK]) {
            println!("{:14} {}", step.name, step.about);
        }
        return Ok(true);
    }
    let chosen = match arguments.quick {
        true => vec![&steps::QUICK],
        false => choose(&steps::ALL, &arguments.only)?,
    };
    let environment = Environment::new(arguments.install, arguments.cargo_test)?;
    if arguments.install {
        install::install_missing(chosen.iter().flat_map(|step| step.installs));
    }
    let mut records: Vec<Record> = Vec::new();
    for step in chosen {
        let record = run_step(step, &environment, &records);
        records.push(record);
    }
    // Ends the servers of this run.
    drop(environment);
    Ok(report::print(&records))
}

/// The named steps with those they need or want, in the order of the table; without names, all
/// steps.
fn choose<'a>(all: &'a [Step], only: &[String]) -> Result<Vec<&'a Step>> {
    if let Some(unknown) = only
        .iter()
        .find(|name| all.iter().all(|step| step.name != **name))
    {
        let known: Vec<&str> = all.iter().map(|step| step.name).collect();
        bail!(
            "there is no step {unknown}; the steps: {}",
            known.join(", ")
        );
    }
    let named = |step: &Step| only.is_empty() || only.iter().any(|name| name == step.name);
    let required = |step: &Step| {
        all.iter().any(|other| {
            named(other) && (other.needs.contains(&step.name) || other.wants.contains(&step.name))
        })
    };
    Ok(all
        .iter()
        .filter(|step| named(step) || required(step))
        .collect())
}

fn run_step(step: &Step, environment: &Environment, before: &[Record]) -> Record {
    println!("\n=== {}: {}", step.name, step.about);
    let started = Instant::now();
    let not_passed = before
        .iter()
        .find(|record| step.needs.contains(&record.name) && !record.outcome.is_ok());
    let outcome = match not_passed {
        Some(record) => Outcome::Skipped(format!(
            "it needs the step {}, which did not pass",
            record.name
        )),
        None => {
            (step.run)(environment).unwrap_or_else(|error| Outcome::failed(format!("{error:#}")))
        }
    };
    let record = Record {
        name: step.name,
        outcome,
        took: started.elapsed(),
    };
    println!("--- {}", report::line(&record));
    record
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use outcome::Counts;

    thread_local! { static RUNS: Cell<u32> = const { Cell::new(0) }; }

    fn counted(_: &Environment) -> Result<Outcome> {
        RUNS.set(RUNS.get() + 1);
        Ok(Outcome::passed(Counts::default()))
    }

    fn broken(_: &Environment) -> Result<Outcome> {
        bail!("it broke")
    }

    const STEPS: [Step; 3] = [
        Step {
            name: "a",
            about: "",
            needs: &[],
            wants: &[],
            installs: &[],
            run: broken,
        },
        Step {
            name: "b",
            about: "",
            needs: &["a"],
            wants: &[],
            installs: &[],
            run: counted,
        },
        Step {
            name: "c",
            about: "",
            needs: &[],
            wants: &["a"],
            installs: &[],
            run: counted,
        },
    ];

    fn run_all(only: &[&str]) -> Vec<(&'static str, bool)> {
        let only: Vec<String> = only.iter().map(ToString::to_string).collect();
        let environment = Environment::nowhere();
        let mut records = Vec::new();
        for step in choose(&STEPS, &only).unwrap() {
            let record = run_step(step, &environment, &records);
            records.push(record);
        }
        records
            .iter()
            .map(|record| (record.name, record.outcome.is_ok()))
            .collect()
    }

    #[test]
    fn failed_step_skips_only_the_steps_that_need_it() {
        assert_eq!(run_all(&[]), [("a", false), ("b", false), ("c", true)]);
        assert_eq!(RUNS.get(), 1, "b must not have run");
    }

    #[test]
    fn only_adds_the_steps_it_needs_and_wants() {
        assert_eq!(run_all(&["b"]), [("a", false), ("b", false)]);
        assert_eq!(run_all(&["c"]), [("a", false), ("c", true)]);
        assert!(choose(&STEPS, &["d".to_owned()]).is_err());
    }
}
