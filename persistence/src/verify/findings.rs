//! The violations found so far: the first ones completely, all of them counted.

use std::collections::BTreeMap;
use std::fmt;

use super::location::Location;
use super::violation::{Violation, ViolationKind};

/// The violations of one check.
pub(crate) struct Findings {
    kept: Vec<Violation>,
    kept_max: usize,
    counts: BTreeMap<ViolationKind, u64>,
}

impl Findings {
    pub(crate) fn new(kept_max: usize) -> Self {
        Self {
            kept: Vec::new(),
            kept_max,
            counts: BTreeMap::new(),
        }
    }

    /// Adds a violation. Beyond the limit it is only counted.
    pub(crate) fn add(
        &mut self,
        kind: ViolationKind,
        location: Location,
        found: impl fmt::Display,
        expected: impl fmt::Display,
    ) {
        *self.counts.entry(kind).or_default() += 1;
        if self.kept.len() < self.kept_max {
            self.kept
                .push(Violation::new(kind, location, found, expected));
        }
    }

    pub(crate) fn finish(self) -> (Vec<Violation>, BTreeMap<ViolationKind, u64>) {
        (self.kept, self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_beyond_the_limit_are_counted() {
        let mut findings = Findings::new(2);
        for position in 1..=5 {
            let location = Location::position(0, Some(position));
            findings.add(ViolationKind::PositionGap, location, "nothing", "an event");
        }
        findings.add(
            ViolationKind::StateMissing,
            Location::default(),
            "nothing",
            "a row",
        );
        let (kept, counts) = findings.finish();
        assert_eq!(kept.len(), 2);
        assert_eq!(counts[&ViolationKind::PositionGap], 5);
        assert_eq!(counts[&ViolationKind::StateMissing], 1);
    }
}
