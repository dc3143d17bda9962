//! Bodies are limited in size, sized or chunked, and in time.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::node::TestNode;
use crate::wire::Wire;

const BYTES_MAX: usize = 4_096;

async fn small_node() -> TestNode {
    TestNode::start_with(|settings| settings.body_bytes_max = BYTES_MAX as u64).await
}

/// A request of exactly this many bytes that creates an account.
fn body_of(bytes: usize) -> String {
    let body = json!({ "query": r#"mutation { createAccount(account: { name: "Ada" }) { id } }"# });
    format!("{:bytes$}", body.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn body_at_the_limit_is_accepted() {
    let node = small_node().await;
    let response = node.api.send(node.api.post(), body_of(BYTES_MAX)).await;
    assert!(!response.text_at("/createAccount/id").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn body_over_the_limit_is_refused_by_its_length() {
    let node = small_node().await;
    let response = node.api.send(node.api.post(), body_of(BYTES_MAX + 1)).await;
    assert_eq!(response.status, 413);
    assert_eq!(response.code(), "PAYLOAD_TOO_LARGE");
    let message = response.error()["message"].to_string();
    assert!(message.contains("4096"), "without the limit: {message}");
    let accounts = node.api.run("{ accounts { id } }").await;
    assert_eq!(accounts.data("/accounts"), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_body_over_the_limit_is_refused_while_received() {
    let node = small_node().await;
    let mut wire = Wire::connect(node.address()).await.expect("a connection");
    wire.write(
        b"POST /graphql HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
          transfer-encoding: chunked\r\n\r\n",
    )
    .await;
    let body = body_of(BYTES_MAX + 1);
    for chunk in body.as_bytes().chunks(1_000) {
        wire.write(format!("{:x}\r\n", chunk.len()).as_bytes())
            .await;
        wire.write(chunk).await;
        wire.write(b"\r\n").await;
    }
    // The end of the body is never sent: the limit was exceeded before.
    let response = wire.response().await.expect("a response");
    assert_eq!(response.status, 413, "{response:?}");
    assert!(
        response.body.contains(r#""code":"PAYLOAD_TOO_LARGE""#),
        "{response:?}"
    );
    let accounts = node.api.run("{ accounts { id } }").await;
    assert_eq!(accounts.data("/accounts"), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_body_within_the_limit_is_accepted() {
    let node = small_node().await;
    let mut wire = Wire::connect(node.address()).await.expect("a connection");
    wire.write(
        b"POST /graphql HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
          transfer-encoding: chunked\r\n\r\n",
    )
    .await;
    for byte in body_of(100).bytes() {
        wire.write(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']).await;
    }
    wire.write(b"0\r\n\r\n").await;
    let response = wire.response().await.expect("a response");
    assert_eq!(response.status, 200, "{response:?}");
    assert!(
        response.body.contains(r#"{"createAccount":{"id":"#),
        "{response:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_body_writes_nothing() {
    let node = small_node().await;
    let mut wire = Wire::connect(node.address()).await.expect("a connection");
    let body = body_of(200);
    wire.begin_post(body.len() + 1).await;
    wire.write(body.as_bytes()).await;
    drop(wire);
    let accounts = node.api.run("{ accounts { id } }").await;
    assert_eq!(accounts.data("/accounts"), json!([]));
}

/// The setting's description is "milliseconds a request may take, waiting included": a client that
/// stops within its body must not hold a connection forever.
#[tokio::test(flavor = "multi_thread")]
async fn endless_body_is_answered_at_the_timeout() {
    let node = TestNode::start_with(|settings| settings.request_timeout_ms = 200).await;
    let mut wire = Wire::connect(node.address()).await.expect("a connection");
    wire.begin_post(1_000).await;
    wire.write(br#"{"query":"#).await;
    let response = timeout(Duration::from_secs(5), wire.response())
        .await
        .expect("a response within 25 times the limit")
        .expect("a response, not a closed connection");
    assert_eq!(response.status, 408, "{response:?}");
    for part in [
        r#""code":"DEADLINE_EXCEEDED""#,
        r#""retryable":true"#,
        "nothing was executed",
    ] {
        assert!(response.body.contains(part), "{response:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_request_is_not_executed() {
    let limit = Duration::from_millis(100);
    let node = TestNode::start_with(|settings| settings.request_timeout_ms = 100).await;
    let mut wire = Wire::connect(node.address()).await.expect("a connection");
    let body = body_of(100);
    wire.begin_post(body.len()).await;
    wire.write(&body.as_bytes()[..50]).await;
    // The passing of time is what this tests.
    tokio::time::sleep(limit).await;
    wire.write(&body.as_bytes()[50..]).await;
    let response = wire.response().await.expect("a response");
    for part in [r#""code":"DEADLINE_EXCEEDED""#, r#""retryable":true"#] {
        assert!(response.body.contains(part), "{response:?}");
    }
    let written = node.api.run("{ accounts { id } }").await;
    assert_eq!(written.data("/accounts"), json!([]));
}
