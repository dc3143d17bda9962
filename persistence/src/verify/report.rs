//! The result of a check.

use std::collections::BTreeMap;

use super::violation::{Violation, ViolationKind};

/// The result of a check.
#[derive(Debug)]
pub struct VerifyReport {
    /// How many rows were checked.
    pub checked: Checked,
    /// The first violations, in the order in which they were found.
    pub violations: Vec<Violation>,
    /// The number of violations of each kind.
    pub counts: BTreeMap<ViolationKind, u64>,
}

impl VerifyReport {
    /// The number of violations, those included that are only counted.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// How many rows were checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rows of the table of shards.
    pub shards: u64,
    /// Rows of the journal.
    pub events: u64,
    /// Entities that have at least one event.
    pub entities: u64,
    /// State rows of accounts.
    pub accounts: u64,
    /// State rows of products.
    pub products: u64,
    /// State rows of orders.
    pub orders: u64,
}
