//! The result of a replay as text and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::difference::{Difference, Differences};
use super::orders::Totals;

/// The result of a replay.
#[derive(Clone, Debug)]
pub struct ReplayReport {
    /// The totals that were read back from the node.
    pub read: Totals,
    /// The totals of the file.
    pub expected: Totals,
    /// The differences between node and file.
    pub differences: Differences,
    /// The number of retries.
    pub retries: usize,
    /// The time from the first request to the result.
    pub took: Duration,
    /// The part of it in which orders were created.
    pub orders_took: Duration,
}

impl ReplayReport {
    /// True if the node's data is exactly that of the file.
    #[must_use]
    pub fn reconciled(&self) -> bool {
        self.differences.count() == 0 && self.read == self.expected
    }

    /// Orders acknowledged per second during their creation.
    #[must_use]
    pub fn orders_per_second(&self) -> f64 {
        let seconds = self.orders_took.as_secs_f64();
        if seconds > 0.0 {
            self.expected.orders as f64 / seconds
        } else {
            0.0
        }
    }

    /// The result as one line of JSON. Counts and `total` are those read back; times are in
    /// seconds.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Facts {
            reconciled: bool,
            accounts: usize,
            products: usize,
            orders: usize,
            units: u64,
            total: String,
            differences: usize,
            first_differences: Vec<String>,
            retries: usize,
            seconds: f64,
            orders_seconds: f64,
            orders_per_s: f64,
        }
        let named = self.differences.named().iter();
        serde_json::to_string(&Facts {
            reconciled: self.reconciled(),
            accounts: self.read.accounts,
            products: self.read.products,
            orders: self.read.orders,
            units: self.read.units,
            total: self.read.total.to_string(),
            differences: self.differences.count(),
            first_differences: named.map(Difference::to_string).collect(),
            retries: self.retries,
            seconds: rounded(self.took.as_secs_f64()),
            orders_seconds: rounded(self.orders_took.as_secs_f64()),
            orders_per_s: rounded(self.orders_per_second()),
        })
        .expect("strings, booleans and finite numbers have a JSON form")
    }
}

/// The last line of the output.
impl fmt::Display for ReplayReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reconciled() {
            write!(out, "reconciled: {}", self.read)?;
        } else {
            let (count, read) = (self.differences.count(), self.read);
            let plural = if count == 1 { "" } else { "s" };
            write!(
                out,
                "NOT reconciled: {count} difference{plural}: read back {read}"
            )?;
            write!(out, "; the file has {}", self.expected)?;
        }
        let (seconds, per_second) = (self.took.as_secs_f64(), self.orders_per_second());
        let retries = self.retries;
        write!(
            out,
            " ({seconds:.1} s, {per_second:.0} orders/s, {retries} retries)"
        )
    }
}

/// `2357 accounts, 1456 products, 6919 orders, 16479 units, total 244091.94`.
impl fmt::Display for Totals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accounts,
            products,
            orders,
            units,
            total,
        } = self;
        write!(
            out,
            "{accounts} accounts, {products} products, {orders} orders, {units} units, total {total}"
        )
    }
}

/// Rounds to milliseconds, the useful precision of these times.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::difference::{EntryRef, Finding, Kind};
    use super::*;
    use crate::Cents;

    fn report() -> ReplayReport {
        let totals = Totals {
            accounts: 2357,
            products: 1456,
            orders: 6919,
            units: 16_479,
            total: Cents::new(24_409_194),
        };
        ReplayReport {
            read: totals,
            expected: totals,
            differences: Differences::default(),
            retries: 3,
            took: Duration::from_millis(12_345),
            orders_took: Duration::from_secs(10),
        }
    }

    #[test]
    fn last_line_has_counts_and_total() {
        assert_eq!(
            report().to_string(),
            "reconciled: 2357 accounts, 1456 products, 6919 orders, 16479 units, total 244091.94 \
             (12.3 s, 692 orders/s, 3 retries)"
        );
        assert_eq!(
            report().to_json(),
            r#"{"reconciled":true,"accounts":2357,"products":1456,"orders":6919,"units":16479,"total":"244091.94","differences":0,"first_differences":[],"retries":3,"seconds":12.345,"orders_seconds":10.0,"orders_per_s":691.9}"#
        );
    }

    #[test]
    fn difference_or_wrong_count_is_not_reconciled() {
        let mut fewer = report();
        fewer.read.units -= 1;
        assert!(!fewer.reconciled());
        let mut differing = report();
        let entry = EntryRef {
            kind: Kind::Order,
            reference: None,
            id: "x".to_owned(),
        };
        let account = "c1".to_owned();
        differing
            .differences
            .add(entry, Finding::NotPlaced { account });
        let line = differing.to_string();
        assert!(
            line.starts_with("NOT reconciled: 1 difference: read back 2357"),
            "{line}"
        );
        let json = differing.to_json();
        assert!(
            json.contains(r#""reconciled":false"#) && json.contains("(no ref) (id x)"),
            "{json}"
        );
    }
}
