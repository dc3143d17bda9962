//! What a step came to, and the counting of it.

use std::fmt;
use std::iter::Sum;

/// Single tests, audits and checks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Ignored tests, and steps that could not be run here.
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

/// What a step came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran.
    Ran {
        /// The tests it ran.
        counts: Counts,
        /// What went wrong beside them; each counts as one failed.
        faults: Vec<String>,
        /// The tests among those passed that said they could not be run here, and why.
        not_run: Vec<String>,
    },
    /// It could not be run on this machine, or in this run, for this reason.
    Skipped(String),
}

impl Outcome {
    /// It ran, and nothing is wrong but what the counts say.
    pub(crate) fn passed(counts: Counts) -> Self {
        Self::Ran {
            counts,
            faults: Vec::new(),
            not_run: Vec::new(),
        }
    }

    /// It failed for this reason.
    pub(crate) fn failed(fault: String) -> Self {
        Self::passed(Counts::default()).and_fault(Some(fault))
    }

    /// Adds what else went wrong, if something did. A step that was skipped stays skipped: nothing ran.
    pub(crate) fn and_fault(mut self, fault: Option<String>) -> Self {
        if let Self::Ran { faults, .. } = &mut self {
            faults.extend(fault);
        }
        self
    }

    /// Counts tests that passed because they could do nothing here as what they are: skipped.
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

    /// Everything this outcome adds to the sum of the run.
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
    fn every_fault_is_one_failure_and_a_skip_is_none() {
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
