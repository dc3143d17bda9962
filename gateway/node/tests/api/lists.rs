//! Lists: ordered by (createdAt, id), in pages by the original `skip` and `take`.

use fritzy_testbed_shop::{Api, ids};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::node::TestNode;

const COUNT: usize = 130;

/// Creates many accounts or products in one document.
async fn create_many(api: &Api, count: usize, field: impl Fn(usize) -> String) {
    let fields: Vec<String> = (0..count)
        .map(|n| format!("n{n}: {} {{ id }}", field(n)))
        .collect();
    let document = format!("mutation {{ {} }}", fields.join("\n"));
    let created = api.run(&document).await.data("");
    assert_eq!(created.as_object().map(|all| all.len()), Some(count));
}

async fn node_with_many() -> TestNode {
    let node = TestNode::start().await;
    create_many(&node.api, COUNT, |n| {
        format!(r#"createAccount(account: {{ name: "Account {n}" }})"#)
    })
    .await;
    create_many(&node.api, COUNT, |n| {
        format!(r#"createProduct(product: {{ name: "Product {n}", description: "", price: {n} }})"#)
    })
    .await;
    node
}

async fn page(api: &Api, list: &str, pagination: Value) -> Value {
    let document = format!(
        "query($page: PaginationInput) {{ {list}(pagination: $page) {{ id name createdAt }} }}"
    );
    let response = api.run_with(&document, json!({ "page": pagination })).await;
    response.data(&format!("/{list}"))
}

/// The creation time of each entry, with its id.
fn sort_keys(list: &Value) -> Vec<(OffsetDateTime, String)> {
    let entries = list.as_array().expect("a list").iter();
    let moment = |entry: &Value| {
        let text = entry["createdAt"].as_str().expect("a text");
        OffsetDateTime::parse(text, &Rfc3339).expect("RFC 3339")
    };
    entries.map(moment).zip(ids(list)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn list_is_in_the_order_of_creation() {
    let node = node_with_many().await;
    for (list, name) in [("accounts", "Account"), ("products", "Product")] {
        let all = page(&node.api, list, json!({ "take": 1_000 })).await;
        let keys = sort_keys(&all);
        assert_eq!(keys.len(), COUNT);
        assert!(keys.is_sorted(), "{keys:?}");
        let names = all.as_array().expect("a list").iter();
        let names: Vec<&str> = names.filter_map(|entry| entry["name"].as_str()).collect();
        let expected: Vec<String> = (0..COUNT).map(|n| format!("{name} {n}")).collect();
        assert_eq!(names, expected, "one after the other, as they were made");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_creations_have_a_stable_order() {
    let node = TestNode::start().await;
    let creations: Vec<_> = (0..64)
        .map(|n| {
            let api = node.api.clone();
            tokio::spawn(async move { api.new_account(&format!("Account {n}")).await })
        })
        .collect();
    let mut created = Vec::new();
    for creation in creations {
        created.push(creation.await.expect("no panic"));
    }
    let listed = page(&node.api, "accounts", Value::Null).await;
    assert!(sort_keys(&listed).is_sorted(), "{listed}");
    let mut known = ids(&listed);
    known.sort_unstable();
    created.sort_unstable();
    assert_eq!(known, created);
    for _ in 0..3 {
        assert_eq!(page(&node.api, "accounts", Value::Null).await, listed);
    }
    let node = node.restart().await;
    assert_eq!(page(&node.api, "accounts", Value::Null).await, listed);
}

#[tokio::test(flavor = "multi_thread")]
async fn page_has_100_entries_by_default() {
    let node = node_with_many().await;
    for list in ["accounts", "products"] {
        let all = ids(&page(&node.api, list, json!({ "take": 1_000 })).await);
        for (pagination, expected) in [
            (Value::Null, &all[..100]),
            (json!({}), &all[..100]),
            (json!({ "skip": 0 }), &all[..100]),
            (json!({ "skip": 29 }), &all[29..129]),
            (json!({ "skip": 100 }), &all[100..]),
            (json!({ "take": 7 }), &all[..7]),
            (json!({ "skip": 3, "take": 7 }), &all[3..10]),
            (json!({ "skip": 125, "take": 100 }), &all[125..]),
            (json!({ "skip": 130 }), &[]),
            (json!({ "take": 0 }), &[]),
        ] {
            let listed = page(&node.api, list, pagination.clone()).await;
            assert_eq!(ids(&listed), expected, "{list} {pagination}");
        }
        let mut walked = Vec::new();
        for skip in (0..COUNT).step_by(33) {
            walked.extend(ids(&page(
                &node.api,
                list,
                json!({ "skip": skip, "take": 33 }),
            )
            .await));
        }
        assert_eq!(walked, all, "pages leave no gap and repeat nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entity_is_read_by_its_id() {
    let node = node_with_many().await;
    for list in ["accounts", "products"] {
        let all = page(&node.api, list, json!({ "take": 1_000 })).await;
        for at in [0, 99, 100, 129] {
            let document =
                format!("query($id: String) {{ {list}(id: $id) {{ id name createdAt }} }}");
            let one = node
                .api
                .run_with(&document, json!({ "id": all[at]["id"] }))
                .await;
            assert_eq!(one.data(&format!("/{list}")), json!([all[at]]));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn search_is_unavailable_without_an_index() {
    let node = TestNode::start().await;
    node.api.new_product("Lamp", 14.66).await;
    for document in [
        r#"{ products(query: "lamp") { id } }"#,
        r#"{ products(query: "", pagination: { take: 1 }) { id } }"#,
    ] {
        let response = node.api.run(document).await;
        assert_eq!(response.code(), "SEARCH_UNAVAILABLE");
        assert_eq!(response.error()["extensions"]["retryable"], true);
        assert_eq!(response.error()["path"], json!(["products"]));
    }
    let listed = node.api.run("{ products { name } }").await;
    assert_eq!(
        listed.data("/products"),
        json!([{ "name": "Lamp" }]),
        "the rest works"
    );
}
