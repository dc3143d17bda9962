//! Permanent faults of a node, and how they are reported.

use std::num::NonZeroUsize;

use fritzy_bench::replay::{DIFFERENCES_NAMED_MAX, ReplayProgress, ReplayReport, replay};

use crate::mock_node::{Fault, MockNode, Seen};
use crate::{book, options};

/// One request at a time, so that the mock's ids have the order of the file: `o2-1` is `Order-306`.
async fn report(
    choice: impl Fn(&Seen<'_>) -> Option<Fault> + Send + Sync + 'static,
) -> ReplayReport {
    let node = MockNode::start(choice).await;
    let mut options = options(&node);
    options.concurrency = NonZeroUsize::MIN;
    let outcome = replay(&book(), &options, &ReplayProgress::new()).await;
    let report = outcome.expect("differences are not errors").report;
    assert!(!report.reconciled());
    let last_line = report.to_string();
    assert!(last_line.starts_with("NOT reconciled: "), "{last_line}");
    report
}

fn named(report: &ReplayReport) -> Vec<String> {
    let named = report.differences.named().iter();
    named.map(ToString::to_string).collect()
}

/// Injects `fault` into the first creation with `key`, and expects exactly these differences.
async fn differs(key: &'static str, fault: Fault, expected: &[&str]) {
    let report = report(move |seen| (seen.key == key && seen.earlier == 0).then_some(fault)).await;
    assert_eq!(named(&report), expected, "{fault:?}");
    assert_eq!(report.differences.count(), expected.len());
}

#[tokio::test]
async fn lost_order_is_reported() {
    let lost = "order o2-1 (id Order-lost): created, but missing when read back";
    differs("replay:order:o2-1", Fault::Lose, &[lost]).await;
}

#[tokio::test]
async fn duplicate_order_is_reported() {
    let second =
        "order (no ref) (id Order-307): account c2 has it, but this replay did not create it";
    differs("replay:order:o2-1", Fault::Double, &[second]).await;
}

#[tokio::test]
async fn duplicate_after_a_forgotten_key_is_reported() {
    let first =
        "order (no ref) (id Order-306): account c2 has it, but this replay did not create it";
    differs("replay:order:o2-1", Fault::DropAndForgetKey, &[first]).await;
}

#[tokio::test]
async fn i4_total_off_by_a_cent_is_reported() {
    // Two units at 10.07 and two at 20.14.
    let in_response = "order o2-1 (id Order-306): totalPrice in createOrder's response is 60.43, but 60.42 in the file";
    differs("replay:order:o2-1", Fault::CentInResponse, &[in_response]).await;
    let kept = [
        "order o2-1 (id Order-306): totalPrice is 60.43, but 60.42 in the file",
        "order o2-1 (id Order-306): minorUnits of totalPrice is 6043, but 6042 in the file",
        "order o2-1 (id Order-306): totalMoney.amount is 60.43, but 60.42 in the file",
    ];
    differs("replay:order:o2-1", Fault::CentKept, &kept).await;
}

#[tokio::test]
async fn total_of_the_report_is_the_one_read_back() {
    let report = report(|seen| (seen.key == "replay:order:o2-1").then_some(Fault::CentKept)).await;
    assert_eq!(report.read.total.get(), report.expected.total.get() + 1);
    let last_line = report.to_string();
    assert!(
        last_line.contains(&report.read.total.to_string()),
        "{last_line}"
    );
    assert!(
        last_line.contains(&report.expected.total.to_string()),
        "{last_line}"
    );
}

#[tokio::test]
async fn wrong_order_lines_are_reported() {
    let more = "order o2-1 (id Order-306): quantity of p1 is 3, but 2 in the file";
    differs("replay:order:o2-1", Fault::OneUnitMore, &[more]).await;
    let lost = "order o2-1 (id Order-306): the line of p2 is missing";
    differs("replay:order:o2-1", Fault::LineLost, &[lost]).await;
    let twice = "order o2-1 (id Order-306): unexpected line of product id Product-1";
    differs("replay:order:o2-1", Fault::LineTwice, &[twice]).await;
}

#[tokio::test]
async fn order_of_another_account_is_reported() {
    let both = [
        "order o2-1 (id Order-306): in the list of account c0, created for account c2",
        "order o2-1 (id Order-306): created, but missing when read back",
    ];
    differs("replay:order:o2-1", Fault::OtherAccount, &both).await;
}

#[tokio::test]
async fn one_id_for_two_orders_is_reported() {
    let report = report(|seen| (seen.key == "replay:order:o2-1").then_some(Fault::FirstId)).await;
    let same = "order o2-1 (id Order-0): o0-0 has the same id";
    assert!(
        named(&report).iter().any(|text| text == same),
        "{:?}",
        named(&report)
    );
}

#[tokio::test]
async fn wrong_account_name_is_reported() {
    let account = "account c1 (id Account-1): name is c1 too, but c1 in the file";
    differs("replay:account:c1", Fault::OtherName, &[account]).await;
}

#[tokio::test]
async fn wrong_product_price_is_reported_for_each_order() {
    let report = report(|seen| (seen.key == "replay:product:p3").then_some(Fault::CentKept)).await;
    let named = named(&report);
    // The response to the creation is right; the first order with this product is the first
    // difference.
    let first = "order o0-3 (id Order-3): totalPrice in createOrder's response is 30.22, but 30.21 in the file";
    assert_eq!(named[0], first);
    assert_eq!(
        named.len(),
        DIFFERENCES_NAMED_MAX,
        "the others are only counted"
    );
    assert!(report.differences.count() > 100);
}

#[tokio::test]
async fn missing_product_and_account_are_reported() {
    let missing = |seen: &Seen<'_>| match (seen.operation, seen.key) {
        ("ReadAccount", "Account-2") => Some(Fault::Code("ACCOUNT_NOT_FOUND")),
        ("ReadProduct", "Product-0") => Some(Fault::Code("PRODUCT_NOT_FOUND")),
        _ => None,
    };
    let report = report(missing).await;
    let expected = [
        "account c2 (id Account-2): created, but missing when read back",
        "order o2-0 (id Order-305): created, but missing when read back",
        "order o2-1 (id Order-306): created, but missing when read back",
        "order o2-2 (id Order-307): created, but missing when read back",
        "product p0 (id Product-0): created, but missing when read back",
    ];
    assert_eq!(named(&report), expected);
    assert_eq!((report.read.accounts, report.read.products), (2, 4));
}

#[tokio::test]
async fn repeated_pages_are_reported() {
    let report = report(|seen| (seen.operation == "ReadAccount").then_some(Fault::FirstPage)).await;
    let named = named(&report);
    assert_eq!(named[0], "order o0-0 (id Order-0): listed more than once");
}
