//! Outcomes of steps, and their counts.

use std::fmt;
use std::iter::Sum;

/// Single tests, audits and checks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Ignored tests, tests that this machine cannot run, and skipped steps.
    pub(crate) skipped: u64,
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |a, b| Self {
            passed: a.passed + b.passed,
            failed: a.failed + b.failed,
            skipped: a.skipped + b.skipped,
        })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// The outcome of a step.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The step ran, in whole or in part.
    Ran {
        /// The tests it ran.
        counts: Counts,
        /// Other failures, each counted as one failed test.
        faults: Vec<String>,
        /// Tests that reported that this machine cannot run them, with their reasons.
        not_run: Vec<String>,
    },
    /// The step did not run, for this reason.
    Skipped(String),
}

impl Outcome {
    /// A step that ran, with these counts and no other failure.
    pub(crate) fn passed(counts: Counts) -> Self {
        Self::Ran {
            counts,
            faults: Vec::new(),
            not_run: Vec::new(),
        }
    }

    /// A step that failed for this reason.
    pub(crate) fn failed(fault: String) -> Self {
        Self::passed(Counts::default()).and_fault(Some(fault))
    }

    /// Adds another failure, if there is one. A skipped step stays skipped.
    pub(crate) fn and_fault(mut self, fault: Option<String>) -> Self {
        if let Self::Ran { faults, .. } = &mut self {
            faults.extend(fault);
        }
        self
    }

    /// Counts tests as skipped that returned early, because this machine cannot run them.
    pub(crate) fn without(mut self, tests: Vec<String>) -> Self {
        if let Self::Ran {
            counts, not_run, ..
        } = &mut self
        {
            let number = tests.len() as u64;
            counts.passed = counts.passed.saturating_sub(number);
            counts.skipped += number;
            *not_run = tests;
        }
        self
    }

    /// What this outcome adds to the sum of the run.
    pub(crate) fn counts(&self) -> Counts {
        match self {
            Self::Ran { counts, faults, .. } => Counts {
                failed: counts.failed + faults.len() as u64,
                ..*counts
            },
            Self::Skipped(_) => Counts {
                skipped: 1,
                ..Counts::default()
            },
        }
    }

    /// Whether the step ran and nothing failed.
    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Ran { .. }) && self.counts().failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_one_failure_and_skipped_steps_are_none() {
        let counts = Counts {
            passed: 3,
            failed: 1,
            skipped: 2,
        };
        let ran = Outcome::passed(counts)
            .and_fault(Some("it did not stop".to_owned()))
            .and_fault(None);
        assert_eq!(ran.counts().to_string(), "3 passed, 2 failed, 2 skipped");
        let partly = Outcome::passed(counts).without(vec!["traced: no strace".to_owned()]);
        assert_eq!(partly.counts().to_string(), "2 passed, 1 failed, 3 skipped");
        let skipped = Outcome::Skipped("no chromium".to_owned());
        assert!(!skipped.is_ok() && !ran.is_ok() && Outcome::passed(Counts::default()).is_ok());
        let sum: Counts = [ran.counts(), skipped.counts()].into_iter().sum();
        assert_eq!(sum.to_string(), "3 passed, 2 failed, 3 skipped");
    }
}
