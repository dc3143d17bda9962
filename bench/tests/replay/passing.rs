//! Temporary faults, and errors that stop a replay.

use std::time::Duration;

use fritzy_bench::replay::{ReplayError, ReplayOutcome, ReplayProgress, replay};

use crate::mock_node::{Fault, MockNode, Seen};
use crate::{book, options, run};

/// Expects that the replay reconciles in spite of the faults, and that nothing was stored twice.
async fn reconciles(
    choice: impl Fn(&Seen<'_>) -> Option<Fault> + Send + Sync + 'static,
) -> ReplayOutcome {
    let node = MockNode::start(choice).await;
    let outcome = run(&node).await.expect("all faults are temporary");
    let report = &outcome.report;
    assert!(report.reconciled(), "{:?}", report.differences);
    assert_eq!(report.read, book().totals());
    assert_eq!(node.counts(), (3, 5, 308));
    outcome
}

/// Injects `fault` into the requests with one key, and expects that the replay stops with an error
/// that contains `words`.
async fn stops(operation: &'static str, key: &'static str, fault: Fault, words: &[&str]) {
    let choice =
        move |seen: &Seen<'_>| (seen.operation == operation && seen.key == key).then_some(fault);
    let node = MockNode::start(choice).await;
    let error = run(&node)
        .await
        .expect_err("the fault is permanent")
        .to_string();
    for word in words {
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn healthy_node_reconciles_without_retries() {
    let outcome = reconciles(|_| None).await;
    assert_eq!(outcome.report.retries, 0);
    assert_eq!(outcome.ids.orders.len(), 308);
}

#[tokio::test]
async fn prices_are_sent_as_the_text_of_the_file() {
    let node = MockNode::start(|_| None).await;
    run(&node).await.expect("the node works");
    for price in ["0.00", "10.07", "20.14", "30.21", "40.28"] {
        assert!(node.received(&format!("\"price\":{price}}}")), "{price}");
    }
    assert!(node.received("\"idempotencyKey\":\"replay:account:c0\""));
    assert!(node.received("\"idempotencyKey\":\"replay:product:p4\""));
    assert!(node.received("\"idempotencyKey\":\"replay:order:o2-1\""));
}

#[tokio::test]
async fn second_run_adds_nothing_and_reconciles() {
    let node = MockNode::start(|_| None).await;
    let first = run(&node).await.expect("the node works");
    let second = run(&node).await.expect("the node works");
    assert!(first.report.reconciled() && second.report.reconciled());
    assert_eq!(first.ids, second.ids);
    assert_eq!(node.counts(), (3, 5, 308));
}

#[tokio::test]
async fn another_key_prefix_creates_everything_again() {
    let node = MockNode::start(|_| None).await;
    run(&node).await.expect("the node works");
    let mut options = options(&node);
    options.key_prefix = "again".to_owned();
    let again = replay(&book(), &options, &ReplayProgress::new())
        .await
        .expect("the node works");
    assert!(again.report.reconciled());
    assert_eq!(node.counts(), (6, 10, 616));
}

#[tokio::test]
async fn lost_connections_are_retried() {
    for fault in [Fault::DropBefore, Fault::DropAfter, Fault::DropWithin] {
        let outcome =
            reconciles(move |seen| (seen.serial % 9 == 4 && seen.earlier < 3).then_some(fault))
                .await;
        assert!(outcome.report.retries > 10, "{fault:?}");
    }
}

#[tokio::test]
async fn temporary_errors_are_retried() {
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
async fn request_without_response_is_retried() {
    let node = MockNode::start(|seen| {
        (seen.key == "replay:order:o1-7" && seen.earlier == 0).then_some(Fault::Hang)
    })
    .await;
    let mut options = options(&node);
    options.request_time_limit = Duration::from_millis(300);
    let outcome = replay(&book(), &options, &ReplayProgress::new())
        .await
        .expect("the fault is temporary");
    assert!(outcome.report.reconciled());
    assert!(outcome.report.retries >= 1);
}

#[tokio::test]
async fn lasting_failures_stop_the_run() {
    let node = MockNode::start(|seen| {
        (seen.key == "replay:order:o1-7").then_some(Fault::Code("UNAVAILABLE"))
    })
    .await;
    let mut options = options(&node);
    options.retry_for = Duration::from_millis(400);
    let progress = ReplayProgress::new();
    let error = replay(&book(), &options, &progress)
        .await
        .expect_err("the fault is permanent");
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
async fn permanent_error_stops_the_run_at_once() {
    let path = ["PRODUCT_NOT_FOUND", "injected", "order o1-7"];
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
