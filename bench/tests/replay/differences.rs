//! What stays wrong on the node, and how it is named.

use std::num::NonZeroUsize;

use fritzy_bench::replay::{DIFFERENCES_NAMED_MAX, ReplayProgress, ReplayReport, replay};

use crate::mock_node::{Fault, MockNode, Seen};
use crate::{book, options};

/// One request at a time, so that the mock's ids follow the file: the order `o2-1` is `Order-306`.
async fn report(
    choice: impl Fn(&Seen<'_>) -> Option<Fault> + Send + Sync + 'static,
) -> ReplayReport {
    let node = MockNode::start(choice).await;
    let mut options = options(&node);
    options.concurrency = NonZeroUsize::MIN;
    let outcome = replay(&book(), &options, &ReplayProgress::new()).await;
    let report = outcome.expect("a difference is no error").report;
    assert!(!report.reconciled());
    let last_line = report.to_string();
    assert!(last_line.starts_with("NOT reconciled: "), "{last_line}");
    report
}

fn named(report: &ReplayReport) -> Vec<String> {
    let named = report.differences.named().iter();
    named.map(ToString::to_string).collect()
}

/// Puts `fault` on the first creation with `key`, and requires exactly these differences.
async fn differs(key: &'static str, fault: Fault, expected: &[&str]) {
    let report = report(move |seen| (seen.key == key && seen.earlier == 0).then_some(fault)).await;
    assert_eq!(named(&report), expected, "{fault:?}");
    assert_eq!(report.differences.count(), expected.len());
}

#[tokio::test]
async fn a_lost_order() {
    let lost = "order o2-1 (id Order-lost): created, and not there when read back";
    differs("replay:order:o2-1", Fault::Lose, &[lost]).await;
}

#[tokio::test]
async fn a_doubled_order() {
    let second =
        "order (of no ref) (id Order-307): account c2 has it, and this replay did not place it";
    differs("replay:order:o2-1", Fault::Double, &[second]).await;
}

#[tokio::test]
async fn a_duplicate_made_by_a_key_that_was_forgotten() {
    let first =
        "order (of no ref) (id Order-306): account c2 has it, and this replay did not place it";
    differs("replay:order:o2-1", Fault::DropAndForgetKey, &[first]).await;
}

#[tokio::test]
async fn a_total_that_is_off_by_a_cent() {
    // Two units at 10.07 and two at 20.14.
    let answered = "order o2-1 (id Order-306): totalPrice in createOrder's answer is 60.43, the file says 60.42";
    differs("replay:order:o2-1", Fault::CentInAnswer, &[answered]).await;
    let kept = [
        "order o2-1 (id Order-306): totalPrice is 60.43, the file says 60.42",
        "order o2-1 (id Order-306): minorUnits of totalPrice is 6043, the file says 6042",
        "order o2-1 (id Order-306): totalMoney.amount is 60.43, the file says 60.42",
    ];
    differs("replay:order:o2-1", Fault::CentKept, &kept).await;
}

#[tokio::test]
async fn the_total_that_was_read_back_is_the_nodes() {
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
async fn lines_that_were_not_ordered() {
    let more = "order o2-1 (id Order-306): quantity of p1 is 3, the file says 2";
    differs("replay:order:o2-1", Fault::OneUnitMore, &[more]).await;
    let lost = "order o2-1 (id Order-306): the line of p2 is missing";
    differs("replay:order:o2-1", Fault::LineLost, &[lost]).await;
    let twice = "order o2-1 (id Order-306): a line of product id Product-1 too many";
    differs("replay:order:o2-1", Fault::LineTwice, &[twice]).await;
}

#[tokio::test]
async fn an_order_in_the_list_of_another_account() {
    let both = [
        "order o2-1 (id Order-306): in the list of account c0, placed for account c2",
        "order o2-1 (id Order-306): created, and not there when read back",
    ];
    differs("replay:order:o2-1", Fault::OtherAccount, &both).await;
}

#[tokio::test]
async fn one_id_for_two_orders() {
    let report = report(|seen| (seen.key == "replay:order:o2-1").then_some(Fault::FirstId)).await;
    let same = "order o2-1 (id Order-0): the same id was answered for o0-0";
    assert!(
        named(&report).iter().any(|text| text == same),
        "{:?}",
        named(&report)
    );
}

#[tokio::test]
async fn names() {
    let account = "account c1 (id Account-1): name is c1 too, the file says c1";
    differs("replay:account:c1", Fault::OtherName, &[account]).await;
}

#[tokio::test]
async fn a_product_at_another_price_shows_wherever_it_was_sold() {
    let report = report(|seen| (seen.key == "replay:product:p3").then_some(Fault::CentKept)).await;
    let named = named(&report);
    // The mock answers the creation rightly; the first order that sold it is the first to differ.
    let first =
        "order o0-3 (id Order-3): totalPrice in createOrder's answer is 30.22, the file says 30.21";
    assert_eq!(named[0], first);
    assert_eq!(
        named.len(),
        DIFFERENCES_NAMED_MAX,
        "the rest is only counted"
    );
    assert!(report.differences.count() > 100);
}

#[tokio::test]
async fn a_product_and_an_account_that_are_gone() {
    let gone = |seen: &Seen<'_>| match (seen.operation, seen.key) {
        ("ReadAccount", "Account-2") => Some(Fault::Code("ACCOUNT_NOT_FOUND")),
        ("ReadProduct", "Product-0") => Some(Fault::Code("PRODUCT_NOT_FOUND")),
        _ => None,
    };
    let report = report(gone).await;
    let expected = [
        "account c2 (id Account-2): created, and not there when read back",
        "order o2-0 (id Order-305): created, and not there when read back",
        "order o2-1 (id Order-306): created, and not there when read back",
        "order o2-2 (id Order-307): created, and not there when read back",
        "product p0 (id Product-0): created, and not there when read back",
    ];
    assert_eq!(named(&report), expected);
    assert_eq!((report.read.accounts, report.read.products), (2, 4));
}

#[tokio::test]
async fn pages_that_do_not_end() {
    let report = report(|seen| (seen.operation == "ReadAccount").then_some(Fault::FirstPage)).await;
    let named = named(&report);
    assert_eq!(named[0], "order o0-0 (id Order-0): listed more than once");
}
