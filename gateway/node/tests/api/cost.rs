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
    // Without a list, only texts are counted.
    assert_eq!(cost["memoryBytes"], 0);
    let body =
        json!({ "query": "mutation { createAccount(account: { name: \"Ada\" }) { name } }" });
    let request = node.api.post().header("graphql-cost", "true");
    let response = node.api.send(request, body.to_string()).await;
    assert_eq!(self::cost(&response)["memoryBytes"], 9);
}

/// A connection has one count and one `pageInfo`, however many rows it has.
#[tokio::test(flavor = "multi_thread")]
async fn cost_counts_what_is_there_once_once() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    for (document, fields, rows) in [
        // The list, its field, and 10 000 each for the filter and the count.
        ("{ orders(first: 1000) { totalCount } }".to_owned(), 20_002, 1_000),
        (
            "{ accountsConnection(first: 10) { pageInfo { hasNextPage endCursor } } }".to_owned(),
            4,
            10,
        ),
        // The list, `nodes`, and the id of each.
        ("{ accountsConnection(first: 10) { nodes { id } } }".to_owned(), 12, 10),
        // The list, `pageInfo` and its field, `edges`, and three fields in each of them.
        (
            "{ productsConnection(last: 10) { pageInfo { endCursor } edges { cursor node { id } } } }"
                .to_owned(),
            34,
            10,
        ),
        // In each of ten accounts: the list, `nodes`, five ids; and `nodes` of the accounts.
        (
            "{ accountsConnection(first: 10) { nodes { ordersConnection(first: 5) { nodes { id } } } } }"
                .to_owned(),
            72,
            50,
        ),
        ("{ accounts(pagination: { take: 10 }) { id } }".to_owned(), 11, 10),
        // A list of one.
        ("{ accounts(pagination: { take: 1 }) { id } }".to_owned(), 2, 1),
        ("{ accountsConnection(first: 1) { nodes { id } } }".to_owned(), 3, 1),
        (format!("{{ accounts(id: \"{account}\") {{ id }} }}"), 2, 1),
        (format!("{{ nodes(ids: [\"{account}\"]) {{ id }} }}"), 2, 1),
        ("{ accounts(pagination: { take: 0 }) { id } }".to_owned(), 1, 0),
        // No list.
        (format!("{{ account(id: \"{account}\") {{ id }} }}"), 2, 0),
    ] {
        let body = json!({ "query": document, "extensions": { "cost": true } });
        let cost = cost(&node.api.send(node.api.post(), body.to_string()).await);
        assert_eq!(
            (&cost["fields"], &cost["rows"]),
            (&json!(fields), &json!(rows)),
            "{document}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_of_a_large_response_names_its_list() {
    let node = TestNode::start().await;
    let counted: String = (0..150)
        .map(|n| format!("a{n}: orders(first: 0) {{ totalCount }} "))
        .collect();
    let types = "ofType { fields { type { ".repeat(12) + "name" + &" } } }".repeat(12);
    for (document, expected) in [
        (format!("{{ {counted} }}"), "(its longest list is orders)"),
        (
            format!("{{ __type(name: \"Query\") {{ {types} }} }}"),
            "fields with the lists around it has more than 1000000000 rows",
        ),
        (
            "{ accounts(pagination: { take: 1000 }) { orders(pagination: { take: 1000 }) { id } } }"
                .to_owned(),
            "orders with the lists around it has up to 1000000 rows",
        ),
    ] {
        let response = node.api.run(&document).await;
        assert_eq!(response.code(), "DOCUMENT_TOO_COMPLEX", "{document}");
        let message = response.error()["message"].to_string();
        assert!(message.contains(expected), "{message}");
    }
}
