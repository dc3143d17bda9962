//! What passes, and what ends a run.

use std::time::Duration;

use fritzy_bench::replay::{ReplayError, ReplayOutcome, ReplayProgress, replay};

use crate::mock_node::{Fault, MockNode, Seen};
use crate::{book, options, run};

/// Requires that the replay reconciles in spite of `choice`, and that nothing was kept twice.
async fn reconciles(
    choice: impl Fn(&Seen<'_>) -> Option<Fault> + Send + Sync + 'static,
) -> ReplayOutcome {
    let node = MockNode::start(choice).await;
    let outcome = run(&node).await.expect("all faults pass");
    let report = &outcome.report;
    assert!(report.reconciled(), "{:?}", report.differences);
    assert_eq!(report.read, book().totals());
    assert_eq!(node.counts(), (3, 5, 308));
    outcome
}

/// Puts `fault` on the requests of one key, and requires that the replay stops with these words.
async fn stops(operation: &'static str, key: &'static str, fault: Fault, words: &[&str]) {
    let choice =
        move |seen: &Seen<'_>| (seen.operation == operation && seen.key == key).then_some(fault);
    let node = MockNode::start(choice).await;
    let error = run(&node).await.expect_err("it stays").to_string();
    for word in words {
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn a_sound_node_reconciles_without_a_retry() {
    let outcome = reconciles(|_| None).await;
    assert_eq!(outcome.report.retries, 0);
    assert_eq!(outcome.ids.orders.len(), 308);
}

#[tokio::test]
async fn prices_travel_as_the_text_of_the_file() {
    let node = MockNode::start(|_| None).await;
    run(&node).await.expect("sound");
    for price in ["0.00", "10.07", "20.14", "30.21", "40.28"] {
        assert!(node.received(&format!("\"price\":{price}}}")), "{price}");
    }
    assert!(node.received("\"idempotencyKey\":\"replay:account:c0\""));
    assert!(node.received("\"idempotencyKey\":\"replay:product:p4\""));
    assert!(node.received("\"idempotencyKey\":\"replay:order:o2-1\""));
}

#[tokio::test]
async fn a_second_run_adds_nothing_and_reconciles() {
    let node = MockNode::start(|_| None).await;
    let first = run(&node).await.expect("sound");
    let second = run(&node).await.expect("sound");
    assert!(first.report.reconciled() && second.report.reconciled());
    assert_eq!(first.ids, second.ids);
    assert_eq!(node.counts(), (3, 5, 308));
}

#[tokio::test]
async fn another_prefix_places_everything_once_more() {
    let node = MockNode::start(|_| None).await;
    run(&node).await.expect("sound");
    let mut options = options(&node);
    options.key_prefix = "again".to_owned();
    let again = replay(&book(), &options, &ReplayProgress::new())
        .await
        .expect("sound");
    assert!(again.report.reconciled());
    assert_eq!(node.counts(), (6, 10, 616));
}

#[tokio::test]
async fn lost_connections_pass() {
    for fault in [Fault::DropBefore, Fault::DropAfter, Fault::DropWithin] {
        let outcome =
            reconciles(move |seen| (seen.serial % 9 == 4 && seen.earlier < 3).then_some(fault))
                .await;
        assert!(outcome.report.retries > 10, "{fault:?}");
    }
}

#[tokio::test]
async fn a_busy_node_passes() {
    for fault in [
        Fault::Code("UNAVAILABLE"),
        Fault::Code("OVERLOADED"),
        Fault::Code("DEADLINE_EXCEEDED"),
        Fault::Status(500),
        Fault::Status(503),
    ] {
        let outcome =
            reconciles(move |seen| (seen.serial % 9 == 4 && seen.earlier < 3).then_some(fault))
                .await;
        assert!(outcome.report.retries > 10, "{fault:?}");
    }
}

#[tokio::test]
async fn a_request_without_an_answer_is_sent_again() {
    let node = MockNode::start(|seen| {
        (seen.key == "replay:order:o1-7" && seen.earlier == 0).then_some(Fault::Hang)
    })
    .await;
    let mut options = options(&node);
    options.request_time_limit = Duration::from_millis(300);
    let outcome = replay(&book(), &options, &ReplayProgress::new())
        .await
        .expect("it passes");
    assert!(outcome.report.reconciled());
    assert!(outcome.report.retries >= 1);
}

#[tokio::test]
async fn failures_that_last_end_the_run() {
    let node = MockNode::start(|seen| {
        (seen.key == "replay:order:o1-7").then_some(Fault::Code("UNAVAILABLE"))
    })
    .await;
    let mut options = options(&node);
    options.retry_for = Duration::from_millis(400);
    let progress = ReplayProgress::new();
    let error = replay(&book(), &options, &progress)
        .await
        .expect_err("it lasts");
    let text = error.to_string();
    assert!(
        matches!(error, ReplayError::GaveUp { attempts: 2.., .. }),
        "{text}"
    );
    assert!(
        text.contains("order o1-7: gave up") && text.contains("UNAVAILABLE"),
        "{text}"
    );
    assert!(progress.retries() >= 1);
}

#[tokio::test]
async fn any_other_error_ends_the_run_at_once() {
    let path = ["PRODUCT_NOT_FOUND", "as told", "order o1-7"];
    stops(
        "CreateOrder",
        "replay:order:o1-7",
        Fault::Code("PRODUCT_NOT_FOUND"),
        &path,
    )
    .await;
    let reused = ["account c1", "IDEMPOTENCY_KEY_REUSED"];
    stops(
        "CreateAccount",
        "replay:account:c1",
        Fault::Code("IDEMPOTENCY_KEY_REUSED"),
        &reused,
    )
    .await;
    stops(
        "CreateProduct",
        "replay:product:p3",
        Fault::Status(404),
        &["product p3", "404"],
    )
    .await;
    stops(
        "CreateOrder",
        "replay:order:o0-0",
        Fault::Null,
        &["order o0-0", "null"],
    )
    .await;
}
