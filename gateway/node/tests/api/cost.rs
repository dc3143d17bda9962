//! What a request costs, told on request.

use serde_json::{Value, json};

use crate::node::TestNode;

fn cost(response: &fritzy_testbed_shop::Response) -> Value {
    response.data("");
    response.json()["extensions"]["cost"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn cost_is_told_only_on_request() {
    let node = TestNode::start().await;
    for number in 0..20 {
        node.api.new_account(&format!("Account {number}")).await;
    }
    let document =
        "{ accounts(pagination: { take: 10 }) { id name orders(pagination: { take: 5 }) { id } } }";
    let asking = |extensions: Value| {
        let body = json!({ "query": document, "extensions": extensions });
        (node.api.post(), body.to_string())
    };
    for extensions in [json!(null), json!({}), json!({ "cost": false })] {
        let (request, body) = asking(extensions);
        let response = node.api.send(request, body).await;
        assert!(response.json().get("extensions").is_none(), "{response:?}");
    }
    let (request, body) = asking(json!({ "cost": true }));
    let by_extension = cost(&node.api.send(request, body).await);
    let (request, body) = asking(json!({}));
    let by_header = cost(
        &node
            .api
            .send(request.header("graphql-cost", "true"), body)
            .await,
    );
    assert_eq!(by_extension, by_header);
    // One list, with two fields and a list of five in each row: 1 + 10 × (2 + 1 + 5).
    assert_eq!(by_header["fields"], 81);
    assert_eq!(by_header["rows"], 50);
    assert_eq!(by_header["fieldsMax"], 2_000_000);
    assert_eq!(by_header["rowsMax"], 100_000);
    assert_eq!(by_header["memoryBytesMax"], 268_435_456);
    let memory = |cost: &Value| cost["memoryBytes"].as_u64().unwrap_or_default();
    assert!(memory(&by_header) > 1_000, "{by_header}");
    // Memory is what was used: it grows with the rows.
    let body = json!({ "query": document.replace("take: 10", "take: 20") }).to_string();
    let more = node.api.post().header("graphql-cost", "true");
    let more = cost(&node.api.send(more, body).await);
    assert!(memory(&more) > memory(&by_header), "{more} {by_header}");
    let (request, body) = asking(json!({ "cost": "yes" }));
    assert_eq!(node.api.send(request, body).await.code(), "BAD_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn cost_stands_beside_other_extensions() {
    let node = TestNode::start().await;
    let body = json!({ "query": "mutation { createAccount(account: { name: \"Ada\" }) { id } }" });
    let request = node.api.post().header("graphql-cost", "true");
    let response = node.api.send(request, body.to_string()).await;
    let cost = cost(&response);
    assert_eq!((&cost["fields"], &cost["rows"]), (&json!(2), &json!(0)));
}
