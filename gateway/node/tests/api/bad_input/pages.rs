//! Pages with `skip` and `take` at their limits, beyond them, or of another type.

use fritzy_testbed_shop::ApiError;
use serde_json::json;

use super::FilledShop;

const LISTS: [&str; 4] = [
    "query($page: PaginationInput!) { accounts(pagination: $page) { id } }",
    "query($page: PaginationInput!) { products(pagination: $page) { id } }",
    "query($page: PaginationInput!) { accounts { orders(pagination: $page) { id } } }",
    "query($page: PaginationInput!, $id: String) {
        accounts(id: $id) { orders(pagination: $page) { id } }
    }",
];

#[tokio::test(flavor = "multi_thread")]
async fn skip_and_take_outside_their_limits_are_refused() {
    let shop = FilledShop::start().await;
    for document in LISTS {
        for (page, field) in [
            (json!({ "skip": -1 }), "pagination.skip"),
            (json!({ "skip": -2_147_483_648_i64 }), "pagination.skip"),
            (json!({ "take": -1 }), "pagination.take"),
            (json!({ "take": 1_001 }), "pagination.take"),
            (json!({ "take": 2_147_483_647 }), "pagination.take"),
            (json!({ "skip": -1, "take": -1 }), "pagination.skip"),
        ] {
            let expected = ApiError::argument(field, "OUT_OF_RANGE");
            let variables = json!({ "page": page, "id": shop.account });
            shop.require_refused(document, variables, &expected).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_and_take_are_ints() {
    let shop = FilledShop::start().await;
    for document in LISTS {
        for page in [
            json!({ "skip": 2_147_483_648_i64 }),
            json!({ "take": 1.5 }),
            json!({ "take": "10" }),
            json!({ "limit": 10 }),
        ] {
            let variables = json!({ "page": page, "id": shop.account });
            shop.require_no_value(document, variables).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_at_their_limits_are_accepted() {
    let shop = FilledShop::start().await;
    for (page, entries) in [
        (json!({ "take": 0 }), 0),
        (json!({ "take": 1_000 }), 1),
        (json!({ "skip": 0, "take": 1 }), 1),
        (json!({ "skip": 1 }), 0),
        (json!({ "skip": 2_147_483_647 }), 0),
    ] {
        for document in &LISTS[..2] {
            let variables = json!({ "page": page });
            let listed = shop.node.api.run_with(document, variables).await.data("");
            let list = listed.as_object().expect("an object").values().next();
            let length = list.and_then(|list| list.as_array()).map(Vec::len);
            assert_eq!(length, Some(entries), "{page}");
        }
    }
}
