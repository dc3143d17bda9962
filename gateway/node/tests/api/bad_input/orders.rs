//! Orders with invalid lines, quantities, ids or totals.

use fritzy_testbed_shop::{ApiError, order};
use serde_json::{Value, json};

use super::{FilledShop, NO_IDS, NOBODY};

const PLACE: &str = "mutation($order: OrderInput!) { createOrder(order: $order) { id } }";

impl FilledShop {
    async fn require_order_refused(&self, order: Value, expected: ApiError) {
        let variables = json!({ "order": order });
        self.require_refused(PLACE, variables, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_has_1_to_100_lines() {
    let shop = FilledShop::start().await;
    let empty = order(&shop.account, &[]);
    let expected = ApiError::argument("order.products", "EMPTY");
    shop.require_order_refused(empty, expected).await;
    let many: Vec<String> = (0..101)
        .map(|n| NOBODY.replace("6666", &format!("{n:04}")))
        .collect();
    let many: Vec<(&str, i64)> = many.iter().map(|id| (id.as_str(), 1)).collect();
    let expected = ApiError::argument("order.products", "TOO_MANY");
    shop.require_order_refused(order(&shop.account, &many), expected)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quantities_are_from_1_to_a_million() {
    let shop = FilledShop::start().await;
    for quantity in [0, -1, -2_147_483_648, 1_000_001, 2_147_483_647] {
        let order = order(&shop.account, &[(&shop.product, quantity)]);
        let expected = ApiError::argument("order.products[0].quantity", "OUT_OF_RANGE");
        shop.require_order_refused(order, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quantities_are_ints() {
    let shop = FilledShop::start().await;
    for quantity in [
        json!(2_147_483_648_i64),
        json!(1.5),
        json!("2"),
        json!(null),
        json!(true),
    ] {
        let line = json!({ "productId": shop.product, "quantity": quantity });
        let order = json!({ "accountId": shop.account, "products": [line] });
        shop.require_no_value(PLACE, json!({ "order": order }))
            .await;
        let literal = format!(
            r#"mutation {{ createOrder(order: {{
                accountId: "{}", products: [{{ productId: "{}", quantity: {quantity} }}]
            }}) {{ id }} }}"#,
            shop.account, shop.product
        );
        shop.require_no_value(&literal, json!({})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_of_unknown_account_or_product_is_refused() {
    let shop = FilledShop::start().await;
    let of_nobody = order(NOBODY, &[(&shop.product, 1)]);
    let expected = ApiError::of("ACCOUNT_NOT_FOUND", "order.accountId", "");
    shop.require_order_refused(of_nobody, expected).await;
    let of_nothing = order(&shop.account, &[(&shop.product, 1), (NOBODY, 1)]);
    let expected = ApiError::of("PRODUCT_NOT_FOUND", "order.products[1].productId", "");
    shop.require_order_refused(of_nothing, expected).await;
    // Each id in the other's place belongs to no entity.
    let swapped = order(&shop.product, &[(&shop.product, 1)]);
    let expected = ApiError::of("ACCOUNT_NOT_FOUND", "order.accountId", "");
    shop.require_order_refused(swapped, expected).await;
    let swapped = order(&shop.account, &[(&shop.account, 1)]);
    let expected = ApiError::of("PRODUCT_NOT_FOUND", "order.products[0].productId", "");
    shop.require_order_refused(swapped, expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_accepted_in_one_spelling_only() {
    let shop = FilledShop::start().await;
    for text in NO_IDS {
        let expected = ApiError::argument("order.accountId", "NOT_AN_ID");
        shop.require_order_refused(order(text, &[(&shop.product, 1)]), expected)
            .await;
        let expected = ApiError::argument("order.products[1].productId", "NOT_AN_ID");
        let lines = [(shop.product.as_str(), 1), (text, 1)];
        shop.require_order_refused(order(&shop.account, &lines), expected)
            .await;
    }
    for (document, _) in BY_ID {
        for text in NO_IDS {
            let expected = ApiError::argument("id", "NOT_AN_ID");
            shop.require_refused(document, json!({ "id": text }), &expected)
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_ids_are_not_found() {
    let shop = FilledShop::start().await;
    for (document, code) in BY_ID {
        let expected = ApiError::of(code, "id", "");
        shop.require_refused(document, json!({ "id": NOBODY }), &expected)
            .await;
    }
}

/// Every field that takes the id of an entity, and the error code of an unknown one.
const BY_ID: [(&str, &str); 14] = [
    (
        "query($id: String!) { accounts(id: $id) { id } }",
        "ACCOUNT_NOT_FOUND",
    ),
    (
        "query($id: String!) { products(id: $id) { id } }",
        "PRODUCT_NOT_FOUND",
    ),
    (
        "query($id: String!) { order(id: $id) { id } }",
        "ORDER_NOT_FOUND",
    ),
    (
        "mutation($id: String!) { confirmOrder(id: $id) { id } }",
        "ORDER_NOT_FOUND",
    ),
    (
        "mutation($id: String!) { completeOrder(id: $id) { id } }",
        "ORDER_NOT_FOUND",
    ),
    (
        "mutation($id: String!) { cancelOrder(id: $id) { id } }",
        "ORDER_NOT_FOUND",
    ),
    (
        r#"mutation($id: String!) { renameAccount(id: $id, name: "Eve") { id } }"#,
        "ACCOUNT_NOT_FOUND",
    ),
    (
        "mutation($id: String!) { closeAccount(id: $id) { id } }",
        "ACCOUNT_NOT_FOUND",
    ),
    (
        r#"mutation($id: String!) { updateProduct(id: $id, name: "P") { id } }"#,
        "PRODUCT_NOT_FOUND",
    ),
    (
        r#"mutation($id: String!) { repriceProduct(id: $id, price: { amount: "1" }) { id } }"#,
        "PRODUCT_NOT_FOUND",
    ),
    (
        "mutation($id: String!) { withdrawProduct(id: $id) { id } }",
        "PRODUCT_NOT_FOUND",
    ),
    (
        "mutation($id: ID!) { annotateAccount(id: $id, metadata: null) { id } }",
        "ACCOUNT_NOT_FOUND",
    ),
    (
        "mutation($id: ID!) { annotateProduct(id: $id, metadata: null) { id } }",
        "PRODUCT_NOT_FOUND",
    ),
    (
        "mutation($id: ID!) { annotateOrder(id: $id, metadata: null) { id } }",
        "ORDER_NOT_FOUND",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn product_on_two_lines_is_refused() {
    let shop = FilledShop::start().await;
    let other = shop.node.api.new_product("Desk", 250.0).await;
    let shop = FilledShop {
        before: shop.node.api.everything().await,
        ..shop
    };
    let shouted = shop.product.to_uppercase();
    for repeated in [&shop.product, &shouted] {
        let lines = [(shop.product.as_str(), 1), (&other, 1), (repeated, 2)];
        let expected = ApiError::argument("order.products[2].productId", "REPEATED");
        shop.require_order_refused(order(&shop.account, &lines), expected)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_total_over_the_limit_is_refused() {
    let shop = FilledShop::start().await;
    let dear = shop.node.api.new_product("Dear", 99_999_999_999.99).await;
    let cheap = shop.node.api.new_product("Cheap", 0.01).await;
    let shop = FilledShop {
        before: shop.node.api.everything().await,
        ..shop
    };
    let twice = order(&shop.account, &[(&dear, 2)]);
    let expected = ApiError::argument("order.products[0].quantity", "AMOUNT_TOO_LARGE");
    shop.require_order_refused(twice, expected).await;
    let a_cent_more = order(&shop.account, &[(&dear, 1), (&cheap, 1)]);
    let expected = ApiError::argument("order.products[1].quantity", "AMOUNT_TOO_LARGE");
    shop.require_order_refused(a_cent_more, expected).await;
}
