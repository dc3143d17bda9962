//! An orderly stop (requirement G1): requests in flight are answered, no new ones accepted, and
//! acknowledged writes are there for the next node.

use std::net::SocketAddr;

use fritzy_testbed_shop::{Api, Load, RESPONSE_TIME_MAX, SentRequests};
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::node::TestNode;
use crate::wire::Wire;

const CREATE: &str = r#"{"query":"mutation { createAccount(account: { name: \"Ada\" }) { id } }"}"#;

/// Polls readiness until nobody listens, each time on a new connection. Returns the responses.
async fn probe_until_nobody_listens(address: SocketAddr) -> Vec<u16> {
    let mut said = Vec::new();
    loop {
        let api = Api::at(address);
        let request = api.request(Method::GET, "/healthz/ready");
        match api.try_send(request, "").await {
            Ok(response) => said.push(response.status.as_u16()),
            // Refused, or closed before it was accepted: both mean that the listener is gone.
            Err(_) => return said,
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_answers_in_flight_requests_and_accepts_no_new_ones() {
    let node = TestNode::start().await;
    let address = node.address();
    let mut in_flight = Wire::connect(address).await.expect("a connection");
    in_flight.begin_post(CREATE.len()).await;
    let stopping = tokio::spawn(node.stop());

    let said = timeout(RESPONSE_TIME_MAX, probe_until_nobody_listens(address));
    let said = said.await.expect("the listener closes");
    let ready = said.iter().take_while(|status| **status == 200).count();
    assert!(
        said[ready..].iter().all(|status| *status == 503),
        "once it is not ready it stays so: {said:?}"
    );
    assert!(
        Wire::connect(address).await.is_err(),
        "the listener is closed"
    );
    assert!(
        !stopping.is_finished(),
        "it waits for the request in flight"
    );

    in_flight.write(CREATE.as_bytes()).await;
    let response = in_flight.response().await.expect("a response");
    assert_eq!(response.status, 200, "{response:?}");
    let body: Value = serde_json::from_str(&response.body).expect("JSON");
    let id = &body["data"]["createAccount"]["id"];
    assert!(id.is_string(), "{response:?}");

    let stopped = timeout(RESPONSE_TIME_MAX, stopping).await;
    let stopped = stopped.expect("the stop ends").expect("no panic");
    let node = stopped.start().await;
    let listed = node.api.run("{ accounts { id } }").await;
    assert_eq!(listed.data("/accounts"), json!([{ "id": id }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_does_not_wait_for_idle_connections() {
    let node = TestNode::start().await;
    let _silent = Wire::connect(node.address()).await.expect("a connection");
    let api = node.api.clone();
    // The client keeps its connection open for the next request.
    api.new_account("Ada").await;
    timeout(RESPONSE_TIME_MAX / 2, node.stop())
        .await
        .expect("the stop ends well before the grace time does");
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_waits_for_a_hanging_request_up_to_the_grace_time() {
    let node = TestNode::start_with(|settings| settings.shutdown_grace_ms = 200).await;
    let mut endless = Wire::connect(node.address()).await.expect("a connection");
    endless.begin_post(1_000).await;
    timeout(RESPONSE_TIME_MAX / 2, node.stop())
        .await
        .expect("the stop ends after the grace time");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_node_releases_its_data_directory() {
    let mut node = TestNode::start().await;
    for round in 0..10 {
        node.api.new_account(&format!("Account {round}")).await;
        // The next node starts at once, and would find the directory locked.
        node = node.restart().await;
    }
    let listed = node.api.run("{ accounts { id } }").await;
    assert_eq!(listed.data("/accounts").as_array().map(Vec::len), Some(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn data_directory_is_released_after_a_cut_off_request() {
    let node = TestNode::start_with(|settings| settings.shutdown_grace_ms = 200).await;
    let account = node.api.new_account("Ada").await;
    let mut endless = Wire::connect(node.address()).await.expect("a connection");
    endless.begin_post(1_000).await;
    let node = node.restart().await;
    let listed = node.api.run("{ accounts { id } }").await;
    assert_eq!(listed.data("/accounts"), json!([{ "id": account }]));
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_writes_acknowledged_during_a_stop_are_kept() {
    let mut node = TestNode::start().await;
    let mut sent = SentRequests::default();
    for round in ["first", "second", "third"] {
        let mut load = Load::start(&node.api, round);
        load.wait_acknowledged(100).await;
        node = node.restart().await;
        load.collect(&mut sent).await;
        sent.require_kept(&node.api).await;
    }
}
