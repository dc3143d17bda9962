//! What a run has done, for people and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::check::{Finding, Verdict};
use crate::observation::{Attempt, Outcome};
use crate::schedule::Schedule;

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// What was run.
    pub schedule: Schedule,
    /// How many attempts were sent.
    pub attempts: usize,
    /// How many of them nobody knows the outcome of.
    pub unknown: usize,
    /// How many certainly did nothing.
    pub not_done: usize,
    /// How many events the system names as lost by a promotion.
    pub lost: u64,
    /// From the start of the cluster to the verdict, in milliseconds.
    pub took_ms: u64,
    /// From the last heal until all shards were served, in milliseconds; `None` if they were not.
    pub served_after_ms: Option<u64>,
    /// What was found.
    pub verdict: Verdict,
}

impl RunReport {
    pub(crate) fn new(
        schedule: &Schedule,
        attempts: &[Attempt],
        lost: u64,
        verdict: Verdict,
        took: Duration,
        served: Option<Duration>,
    ) -> Self {
        let count = |is_it: fn(&Outcome) -> bool| {
            let attempts = attempts.iter();
            attempts.filter(|attempt| is_it(&attempt.outcome)).count()
        };
        Self {
            schedule: schedule.clone(),
            attempts: attempts.len(),
            unknown: count(|outcome| matches!(outcome, Outcome::Unknown(_))),
            not_done: count(|outcome| matches!(outcome, Outcome::NotDone(_))),
            lost,
            took_ms: took.as_millis() as u64,
            served_after_ms: served.map(|served| served.as_millis() as u64),
            verdict,
        }
    }

    /// How many histories could not be checked.
    #[must_use]
    pub fn not_checked(&self) -> usize {
        let findings = self.verdict.findings.iter();
        findings
            .filter(|finding| matches!(finding, Finding::NotChecked(_)))
            .count()
    }

    fn faults(&self) -> String {
        let faults = self.schedule.faults.iter().map(ToString::to_string);
        let kafka = self.schedule.kafka.then(|| "(Kafka)".to_owned());
        faults.chain(kafka).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {}; {} attempts, {} unknown, {} refused, {} lost; {:.1} s, served again after {}: {}",
            self.schedule.seed,
            self.faults(),
            self.attempts,
            self.unknown,
            self.not_done,
            self.lost,
            self.took_ms as f64 / 1e3,
            self.served_after_ms
                .map_or_else(|| "-".to_owned(), |ms| format!("{:.1} s", ms as f64 / 1e3)),
            self.verdict
        )?;
        for finding in &self.verdict.findings {
            match finding {
                Finding::Violation(what) => write!(f, "\n  violation: {what}")?,
                Finding::NotChecked(what) => write!(f, "\n  not checked: {what}")?,
            }
        }
        Ok(())
    }
}

/// The reports as a table in Markdown.
#[must_use]
pub fn table(reports: &[RunReport]) -> String {
    let mut text = "| seed | faults (seconds) | attempts | unknown | refused | lost | served again | run | verdict |\n\
                    |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for report in reports {
        let served = report.served_after_ms.map_or_else(
            || "never".to_owned(),
            |ms| format!("{:.1} s", ms as f64 / 1e3),
        );
        let row = format!(
            "| {} | {} | {} | {} | {} | {} | {served} | {:.1} s | {} |\n",
            report.schedule.seed,
            report.faults(),
            report.attempts,
            report.unknown,
            report.not_done,
            report.lost,
            report.took_ms as f64 / 1e3,
            report.verdict
        );
        text.push_str(&row);
    }
    text
}
