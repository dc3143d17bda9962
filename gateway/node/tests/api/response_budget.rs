//! The response budget: lists, lines and aliases count by their actual size; responses that the
//! client does not read keep their budget; small responses need none.

use fritzy_testbed_shop::Api;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::node::TestNode;
use crate::wire::Wire;

const MIB: u64 = 1_024 * 1_024;

/// Products with descriptions of this many characters of 4 bytes each.
async fn with_products(api: &Api, count: usize, chars: usize) -> Vec<String> {
    let document = "mutation($product: ProductInput!) { createProduct(product: $product) { id } }";
    let description = "🧵".repeat(chars);
    let mut ids = Vec::new();
    while ids.len() < count {
        let some = (ids.len()..count.min(ids.len() + 50)).map(async |n| {
            let product = json!({ "name": format!("{n}"), "description": description, "price": 1 });
            let created = api.run_with(document, json!({ "product": product })).await;
            created.text_at("/createProduct/id")
        });
        ids.extend(join_all(some).await);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn response_over_the_budget_is_refused_by_its_actual_size() {
    let node = TestNode::start_with(|settings| settings.answer_bytes_max = MIB).await;
    let products = with_products(&node.api, 100, 100).await;
    let ada = node.api.new_account("Ada").await;
    node.api.new_account("Bob").await;
    let lines: Vec<_> = products.iter().map(|id| (id.as_str(), 1)).collect();
    for _ in 0..10 {
        node.api.new_order(&ada, &lines).await;
    }
    let many = |field: &str, count: usize| -> String {
        (0..count).map(|n| format!("a{n}: {field} ")).collect()
    };
    let lists = [
        // One list of each kind fits, with its texts, ...
        (true, "{ products { id name description } }".to_owned()),
        (
            true,
            "{ productsConnection { edges { cursor node { id name } } } }".into(),
        ),
        (true, "{ accounts { orders { id totalPrice } } }".into()),
        (
            true,
            "{ accountsConnection { nodes { ordersConnection { nodes { id } } } } }".into(),
        ),
        // ... but not many aliases of fields or texts, ...
        (false, format!("{{ products {{ {} }} }}", many("id", 50))),
        (
            false,
            format!("{{ products {{ {} }} }}", many("description", 20)),
        ),
        (
            false,
            format!(
                "{{ productsConnection {{ edges {{ {} }} }} }}",
                many("cursor", 50)
            ),
        ),
        (
            false,
            format!(
                "{{ productsConnection {{ nodes {{ {} }} }} }}",
                many("name", 50)
            ),
        ),
        // ... nor the lines of orders, each with few fields.
        (
            false,
            "{ accounts { orders { products { id name price quantity } } } }".into(),
        ),
        (
            false,
            "{ accounts { orders { products { description } } } }".into(),
        ),
        (
            false,
            format!(
                r#"{{ accounts(id: "{ada}") {{ {} }} }}"#,
                many("orders { products { id } }", 9)
            ),
        ),
        (
            false,
            "{ accounts { ordersConnection { nodes { products { id name price quantity } } } } }"
                .into(),
        ),
    ];
    for (fits, document) in lists {
        let response = node.api.run(&document).await;
        if fits {
            assert!(response.data("").is_object(), "{document}");
        } else {
            assert_eq!(response.code(), "ANSWER_TOO_LARGE", "{document}");
            let json = response.json();
            assert_eq!(json["data"], Value::Null, "{document}");
            assert_eq!(
                json["errors"].as_array().map(Vec::len),
                Some(1),
                "{document}"
            );
            assert!(json["errors"][0]["path"].is_array(), "{document}");
            assert_eq!(json["errors"][0]["extensions"].get("retryable"), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_not_read_beyond_the_response_budget() {
    let node = TestNode::start_with(|settings| settings.answer_bytes_max = MIB).await;
    with_products(&node.api, 200, 4_000).await;
    let page = |take: u32| format!("{{ products(pagination: {{ take: {take} }}) {{ id }} }}");
    let fits = node.api.run(&page(50)).await.data("/products");
    assert_eq!(fits.as_array().map(Vec::len), Some(50));
    // Only ids are returned, but whole rows are read: 16 KB each.
    assert_eq!(node.api.run(&page(200)).await.code(), "ANSWER_TOO_LARGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_responses_hold_their_budget_and_small_ones_need_none() {
    let node = TestNode::start_with(|settings| {
        settings.answer_bytes_max = 100 * MIB;
        settings.answer_bytes_total_max = 100 * MIB;
    })
    .await;
    with_products(&node.api, 1_000, 4_000).await;
    let large = "{ products(pagination: { take: 1000 }) { description } }";
    let list = node.api.run(large).await.data("/products");
    assert_eq!(list.as_array().map(Vec::len), Some(1_000), "alone it fits");
    let body = json!({ "query": large }).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Wire::connect(node.address()).await.expect("connects");
        client.write(format!("{head}{body}").as_bytes()).await;
        client.is_over().await;
        clients.push(client);
    }
    let refused = node.api.run(large).await;
    assert_eq!(refused.code(), "OVERLOADED");
    assert_eq!(refused.error()["extensions"]["retryable"], true);
    assert!(refused.error()["extensions"]["retryAfterMs"].is_u64());
    let small = node
        .api
        .run("{ products(pagination: { take: 1 }) { id description } }");
    assert!(small.await.data("/products/0/id").is_string());
    // One client reads its response at last; another disconnects.
    let response = clients.pop().expect("a client").response().await;
    let response = response.expect("a whole response");
    assert_eq!(
        (response.status, response.body.contains("errors")),
        (200, false)
    );
    assert_eq!(response.body.matches("description").count(), 1_000);
    drop(clients);
    // The node notices that they are gone when it writes to them.
    loop {
        let again = node.api.run(large).await;
        if again.json().get("errors").is_none() {
            break;
        }
        assert_eq!(again.code(), "OVERLOADED");
        tokio::task::yield_now().await;
    }
}
