//! Arguments of the list of orders that are refused, each by its name.

use std::collections::BTreeMap;

use fritzy_testbed_shop::ApiError;
use serde_json::json;

use super::shop::{FilledShop, SORTS, document};
use crate::node::TestNode;

#[tokio::test(flavor = "multi_thread")]
async fn cursor_of_another_order_list_is_refused() {
    let shop = FilledShop::start().await;
    let api = &shop.node.api;
    let mut cursors = BTreeMap::new();
    for by in SORTS {
        let first = api
            .run_with(&document(), json!({ "sort": by, "first": 1 }))
            .await;
        cursors.insert(by, first.text_at("/orders/pageInfo/endCursor"));
    }
    let account = &shop.accounts[0];
    let of_account = format!(
        r#"{{ accounts(id: "{account}") {{ ordersConnection(first: 1) {{ edges {{ cursor }} }} }} }}"#
    );
    let of_account = api.run(&of_account).await;
    cursors.insert(
        "",
        of_account.text_at("/accounts/0/ordersConnection/edges/0/cursor"),
    );
    for by in SORTS {
        for (own, cursor) in &cursors {
            for place in ["after", "before"] {
                let mut arguments = json!({ "sort": by });
                arguments[place] = json!(cursor);
                let response = api.run_with(&document(), arguments).await;
                if *own == by {
                    assert_eq!(response.json().get("errors"), None, "{response:?}");
                } else {
                    let expected = ApiError::argument(place, "NOT_A_CURSOR");
                    assert_eq!(response.api_error(), expected, "{own} in {by}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_order_filters_are_named() {
    let node = TestNode::start().await;
    for (arguments, field, reason) in [
        (
            json!({ "filter": { "accountId": "Ada" } }),
            "filter.accountId",
            "NOT_AN_ID",
        ),
        (
            json!({ "filter": { "accountId": "" } }),
            "filter.accountId",
            "NOT_AN_ID",
        ),
        (
            json!({ "filter": { "productId": 7 } }),
            "filter.productId",
            "NOT_AN_ID",
        ),
        (
            json!({ "filter": { "currency": "usd" } }),
            "filter.currency",
            "UNKNOWN_CURRENCY",
        ),
        (
            json!({ "filter": { "currency": "" } }),
            "filter.currency",
            "UNKNOWN_CURRENCY",
        ),
        (
            json!({ "filter": { "status": vec!["CREATED"; 5] } }),
            "filter.status",
            "TOO_MANY",
        ),
        (
            json!({ "filter": { "totalMin": { "amount": "much" } } }),
            "filter.totalMin.amount",
            "NOT_A_NUMBER",
        ),
        (
            json!({ "filter": { "totalMax": { "amount": "1.001" } } }),
            "filter.totalMax.amount",
            "TOO_MANY_DECIMALS",
        ),
        (
            json!({ "filter": { "totalMin": { "amount": "1", "currency": "XXX" } } }),
            "filter.totalMin.currency",
            "UNKNOWN_CURRENCY",
        ),
        (
            json!({ "filter": { "currency": "EUR", "totalMin": { "amount": "1", "currency": "USD" } } }),
            "filter.totalMin.currency",
            "NOT_WITH",
        ),
        (json!({ "first": 1_001 }), "first", "OUT_OF_RANGE"),
        (json!({ "last": -1 }), "last", "OUT_OF_RANGE"),
        (json!({ "first": 1, "last": 1 }), "last", "NOT_WITH"),
        (json!({ "after": "nope" }), "after", "NOT_A_CURSOR"),
    ] {
        let response = node.api.run_with(&document(), arguments.clone()).await;
        assert_eq!(
            response.api_error(),
            ApiError::argument(field, reason),
            "{arguments}"
        );
    }
    for arguments in [
        json!({ "filter": { "createdFrom": "yesterday" } }),
        json!({ "filter": { "status": ["LOST"] } }),
        json!({ "filter": { "owner": "Ada" } }),
        json!({ "sort": "NEWEST" }),
    ] {
        let response = node.api.run_with(&document(), arguments.clone()).await;
        assert_eq!(response.code(), "BAD_USER_INPUT", "{arguments}");
    }
}
