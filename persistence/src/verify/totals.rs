//! Compares the row of an order in the table of orders by total with the fold of its events
//! (invariant I5).

use fritzy_domain::{Kind, Order};

use super::findings::Findings;
use super::location::Location;
use super::source::TotalRow;
use super::violation::ViolationKind;

/// Checks the rows of an order; `order` is its fold. Only an order that is listed must have a row.
pub(super) fn compare(rows: &[TotalRow], order: &Order, is_listed: bool, findings: &mut Findings) {
    let (currency, total_minor) = (order.total.currency().code(), order.total.minor_units());
    let is_expected = |row: &TotalRow| row.currency == currency && row.total_minor == total_minor;
    for row in rows.iter().filter(|row| !is_expected(row)) {
        superfluous(row, findings);
    }
    if is_listed && !rows.iter().any(is_expected) {
        let location = Location::entity(Some(Kind::Order), order.id.as_uuid().as_bytes());
        let expected = format_args!("{total_minor} {currency}");
        let rule = ViolationKind::TotalMissing;
        findings.add(rule, location, "no such row by total", expected);
    }
}

/// Reports a row that no order has.
pub(super) fn superfluous(row: &TotalRow, findings: &mut Findings) {
    let location = Location::entity(Some(Kind::Order), &row.order);
    let found = format_args!("a row by total of {} {}", row.total_minor, row.currency);
    let rule = ViolationKind::TotalSuperfluous;
    findings.add(rule, location, found, "one row of the order's total only");
}
