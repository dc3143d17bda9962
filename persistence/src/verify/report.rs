//! The result of a check.

use std::collections::BTreeMap;

use super::violation::{Violation, ViolationKind};

/// What a check found.
#[derive(Debug)]
pub struct VerifyReport {
    /// What was looked at.
    pub checked: Checked,
    /// The first violations, in the order in which they were found.
    pub violations: Vec<Violation>,
    /// All of them, by kind.
    pub counts: BTreeMap<ViolationKind, u64>,
}

impl VerifyReport {
    /// All violations, those that are only counted included.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// How many rows were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rows of the table of shards.
    pub shards: u64,
    /// Rows of the journal.
    pub events: u64,
    /// Entities with events.
    pub entities: u64,
    /// State rows of accounts.
    pub accounts: u64,
    /// State rows of products.
    pub products: u64,
    /// State rows of orders.
    pub orders: u64,
}
