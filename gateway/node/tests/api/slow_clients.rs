//! Many slow clients: their total memory is limited, and silent connections are closed.

use std::time::Duration;

use fritzy_testbed_shop::RESPONSE_TIME_MAX;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::node::TestNode;
use crate::wire::{Wire, WireAnswer};

const LARGE: usize = 49_152;
const SMALL: usize = 16_384;
/// Budget for three large bodies, and a quarter of it for three small ones.
const TOTAL: u64 = 196_608;

async fn tight_node() -> TestNode {
    TestNode::start_with(|settings| {
        settings.body_bytes_max = LARGE as u64;
        settings.body_bytes_total_max = TOTAL;
    })
    .await
}

async fn connect(node: &TestNode) -> Wire {
    Wire::connect(node.address()).await.expect("a connection")
}

/// Clients that have begun a body of this many bytes, and send nothing of it.
async fn begun(node: &TestNode, count: usize, bytes: usize) -> Vec<Wire> {
    let mut wires = Vec::new();
    for _ in 0..count {
        let mut wire = connect(node).await;
        wire.begin_post(bytes).await;
        wires.push(wire);
    }
    wires
}

fn creating(bytes: usize) -> String {
    let body = json!({ "query": r#"mutation { createAccount(account: { name: "Ada" }) { id } }"# });
    format!("{:bytes$}", body.to_string())
}

fn require_overloaded(response: &WireAnswer) {
    assert_eq!(response.status, 503, "{response:?}");
    assert!(response.head.contains("retry-after: 1\r\n"), "{response:?}");
    for part in [r#""code":"OVERLOADED""#, r#""retryable":true"#] {
        assert!(response.body.contains(part), "{response:?}");
    }
}

/// The budget is released when the node notices the disconnect.
async fn require_room_again(node: &TestNode, bytes: usize) {
    let until = Instant::now() + RESPONSE_TIME_MAX;
    loop {
        let offered = connect(node).await.offer_post(bytes).await;
        if offered.status == 100 {
            return;
        }
        require_overloaded(&offered);
        assert!(Instant::now() < until, "no room came back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sized_bodies_in_flight_share_one_limit() {
    let node = tight_node().await;
    let mut slow = begun(&node, 3, LARGE).await;
    let refused = connect(&node).await.offer_post(LARGE).await;
    require_overloaded(&refused);
    // Small requests of fast clients do not wait for large ones of slow clients.
    let id = node.api.new_account("Bea").await;
    assert!(!id.is_empty());
    // The slow clients have reserved their budget, and get responses.
    for wire in &mut slow {
        wire.write(creating(LARGE).as_bytes()).await;
        let response = wire.response().await.expect("a response");
        assert!(
            response.body.contains(r#"{"createAccount":{"id":"#),
            "{response:?}"
        );
    }
    let accounts = node.api.run("{ accounts { name } }").await;
    let written = accounts.data("/accounts").as_array().map(Vec::len);
    assert_eq!(written, Some(4), "what was refused was not written");
    require_room_again(&node, LARGE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn body_budget_is_released_by_disconnected_clients() {
    let node = tight_node().await;
    let slow = begun(&node, 3, LARGE).await;
    drop(slow);
    require_room_again(&node, LARGE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_bodies_in_flight_share_one_limit() {
    let node = tight_node().await;
    let slow = begun(&node, 3, LARGE).await;
    let mut wire = connect(&node).await;
    wire.write(
        b"POST /graphql HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
          transfer-encoding: chunked\r\n\r\n",
    )
    .await;
    let body = creating(LARGE);
    for chunk in body.as_bytes()[..SMALL + 1_000].chunks(1_000) {
        wire.write(format!("{:x}\r\n", chunk.len()).as_bytes())
            .await;
        wire.write(chunk).await;
        wire.write(b"\r\n").await;
    }
    // The end of the body is never sent: the budget was exceeded before.
    require_overloaded(&wire.response().await.expect("a response"));
    drop(slow);
    require_room_again(&node, LARGE).await;
    let accounts = node.api.run("{ accounts { id } }").await;
    assert_eq!(accounts.data("/accounts"), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn small_bodies_have_a_limit_of_their_own() {
    let node = tight_node().await;
    let _slow = begun(&node, 3, SMALL).await;
    require_overloaded(&connect(&node).await.offer_post(SMALL).await);
    require_overloaded(&connect(&node).await.offer_post(100).await);
    let mut large = begun(&node, 1, LARGE).await;
    large[0].write(creating(LARGE).as_bytes()).await;
    let response = large[0].response().await.expect("a response");
    assert_eq!(response.status, 200, "{response:?}");
}

const ASK: &[u8] = b"GET /healthz/live HTTP/1.1\r\nhost: node\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn connection_over_the_limit_waits_for_another_to_close() {
    let node = TestNode::start_with(|settings| settings.connections_max = 2).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut wire = connect(&node).await;
        wire.write(ASK).await;
        assert_eq!(wire.response().await.expect("a response").status, 200);
        open.push(wire);
    }
    let mut third = connect(&node).await;
    third.write(ASK).await;
    // The passing of time is what this tests: the others are answered in a thousandth of it.
    let early = timeout(Duration::from_millis(300), third.response()).await;
    assert!(early.is_err(), "answered next to two others: {early:?}");
    drop(open.pop());
    assert_eq!(third.response().await.expect("a response").status, 200);
}

/// Fifty times the node's configured timeout, and less than any default of the HTTP library.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(10);

async fn impatient_node() -> TestNode {
    TestNode::start_with(|settings| settings.head_timeout_ms = 200).await
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connection_is_closed() {
    let node = impatient_node().await;
    for begin in [
        &b""[..],
        b"P",
        b"POST /graphql HTTP/1.1\r\nhost: no",
        b"PRI * HTTP/2.0\r\n\r\nSM",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        // One request with its response, and nothing more.
        ASK,
    ] {
        let mut wire = connect(&node).await;
        wire.write(begin).await;
        if begin == ASK {
            assert_eq!(wire.response().await.expect("a response").status, 200);
        }
        let closed = timeout(CLOSE_TIME_MAX, wire.response()).await;
        assert!(matches!(closed, Ok(None)), "{begin:?}: {closed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_request_head_is_cut_off() {
    let node = impatient_node().await;
    let mut wire = connect(&node).await;
    wire.write(b"POST /graphql HTTP/1.1\r\nx-slow: ").await;
    let mut drip = tokio::time::interval(Duration::from_millis(20));
    let dripping = async {
        // Returns when the connection ends.
        loop {
            drip.tick().await;
            wire.write(b"x").await;
            if timeout(Duration::from_millis(1), wire.is_over())
                .await
                .is_ok()
            {
                return;
            }
        }
    };
    let cut_off = timeout(CLOSE_TIME_MAX, dripping).await;
    assert!(cut_off.is_ok(), "a head without an end was never cut off");
    assert_eq!(node.api.run("{ accounts { id } }").await.status, 200);
}

/// A body is limited by the request's timeout.
#[tokio::test(flavor = "multi_thread")]
async fn slow_body_is_not_limited_by_the_head_timeout() {
    let node = impatient_node().await;
    let mut wire = connect(&node).await;
    let body = creating(100);
    wire.begin_post(body.len()).await;
    // The passing of time is what this tests.
    tokio::time::sleep(Duration::from_millis(500)).await;
    wire.write(body.as_bytes()).await;
    assert_eq!(wire.response().await.expect("a response").status, 200);
}
