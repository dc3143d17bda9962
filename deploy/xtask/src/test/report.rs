//! The report of a run: a table of the steps, the names of skipped steps, and the count as the last
//! line.

use std::time::Duration;

use super::outcome::{Counts, Outcome};

/// A step that has ended.
pub(crate) struct Record {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

/// Prints the report, and returns whether nothing failed.
pub(crate) fn print(records: &[Record]) -> bool {
    print!("\n{}", table(records));
    let counts: Counts = records.iter().map(|record| record.outcome.counts()).sum();
    println!("{counts}");
    counts.failed == 0
}

/// The line of one step.
pub(crate) fn line(record: &Record) -> String {
    let seconds = record.took.as_secs_f64();
    let start = format!(
        "{:14} {:8} {seconds:8.1} s",
        record.name,
        result(&record.outcome)
    );
    let detail = match &record.outcome {
        Outcome::Skipped(reason) => reason.clone(),
        Outcome::Ran {
            counts,
            faults,
            not_run,
        } => {
            let counted = (*counts != Counts::default()).then(|| counts.to_string());
            counted
                .into_iter()
                .chain(faults.iter().cloned())
                .chain(not_run.iter().map(|test| format!("skipped {test}")))
                .collect::<Vec<_>>()
                .join("; ")
        }
    };
    format!("{start}   {detail}").trim_end().to_owned()
}

fn result(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Skipped(_) => "SKIPPED",
        ran if ran.is_ok() => "ok",
        _ => "FAILED",
    }
}

fn table(records: &[Record]) -> String {
    let mut table = format!("{:14} {:8} {:>8}\n", "step", "result", "seconds");
    for record in records {
        table += &format!("{}\n", line(record));
    }
    let skipped: Vec<&str> = records
        .iter()
        .filter(|record| matches!(record.outcome, Outcome::Skipped(_)))
        .map(|record| record.name)
        .collect();
    if !skipped.is_empty() {
        table += &format!("skipped steps: {}\n", skipped.join(", "));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_skipped_steps_and_tests_with_reasons() {
        let record = |name, outcome| Record {
            name,
            outcome,
            took: Duration::from_millis(1_250),
        };
        let counts = Counts {
            passed: 61,
            ..Counts::default()
        };
        let table = table(&[
            record("graphql-http", Outcome::passed(counts)),
            record(
                "cargo-test",
                Outcome::passed(counts).without(vec!["traced: no strace".to_owned()]),
            ),
            record("explorer", Outcome::Skipped("no chromium".to_owned())),
            record(
                "build-node",
                Outcome::failed("cargo ended with 101".to_owned()),
            ),
        ]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[1],
            "graphql-http   ok            1.2 s   61 passed, 0 failed, 0 skipped"
        );
        assert_eq!(
            lines[2],
            "cargo-test     ok            1.2 s   60 passed, 0 failed, 1 skipped; skipped traced: no strace"
        );
        assert_eq!(lines[3], "explorer       SKIPPED       1.2 s   no chromium");
        assert_eq!(
            lines[4],
            "build-node     FAILED        1.2 s   cargo ended with 101"
        );
        assert_eq!(lines[5], "skipped steps: explorer");
    }
}
