//! Compares the rows of an order in the table of orders by product with the fold of its events
//! (invariant I5).

use std::collections::BTreeMap;

use fritzy_domain::{Kind, Order};

use super::findings::Findings;
use super::location::{Location, id_text};
use super::source::LineRow;
use super::violation::ViolationKind;

/// Checks the rows of an order; `order` is its fold. Only an order that is listed must have rows.
pub(super) fn compare(rows: &[LineRow], order: &Order, is_listed: bool, findings: &mut Findings) {
    let created_at = order.created_at.as_micros();
    let products = order.lines.iter().map(|line| line.product_id);
    // How many rows there are of each expected one.
    let mut expected: BTreeMap<(Vec<u8>, i64), u64> = products
        .map(|product| ((product.as_uuid().as_bytes().to_vec(), created_at), 0))
        .collect();
    let location = || Location::entity(Some(Kind::Order), order.id.as_uuid().as_bytes());
    for row in rows {
        match expected.get_mut(&(row.product.clone(), row.created_at)) {
            None => superfluous(row, findings),
            Some(count) => {
                *count += 1;
                if *count > 1 {
                    let rule = ViolationKind::LineRepeated;
                    let found = format_args!("another row of product {}", id_text(&row.product));
                    findings.add(rule, location(), found, "one row for a product");
                }
            }
        }
    }
    let missing = expected
        .iter()
        .filter(|(_, count)| is_listed && **count == 0);
    for ((product, created_at), _) in missing {
        let rule = ViolationKind::LineMissing;
        let expected = format_args!("product {} at {created_at}", id_text(product));
        findings.add(rule, location(), "no such row by product", expected);
    }
}

/// Reports a row that no order has.
pub(super) fn superfluous(row: &LineRow, findings: &mut Findings) {
    let location = Location::entity(Some(Kind::Order), &row.order);
    let product = id_text(&row.product);
    let found = format_args!("a row of product {product} at {}", row.created_at);
    let rule = ViolationKind::LineSuperfluous;
    findings.add(rule, location, found, "rows of the order's lines only");
}
