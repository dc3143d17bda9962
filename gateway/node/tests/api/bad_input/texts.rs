//! Invalid names and descriptions.

use fritzy_testbed_shop::{Api, ApiError};
use serde_json::{Value, json};

use super::FilledShop;

const CREATE_ACCOUNT: &str =
    "mutation($account: AccountInput!) { createAccount(account: $account) { id name } }";
const CREATE_PRODUCT: &str =
    "mutation($product: ProductInput!) { createProduct(product: $product) { id description } }";
const CREATE_PRICED_PRODUCT: &str =
    "mutation($product: PricedProductInput!) { createPricedProduct(product: $product) { id } }";

const RENAME_ACCOUNT: &str =
    "mutation($id: String!, $name: String!) { renameAccount(id: $id, name: $name) { id } }";
const UPDATE_PRODUCT: &str =
    "mutation($id: String!, $name: String) { updateProduct(id: $id, name: $name) { id } }";

/// Invalid names, and why.
fn bad_names() -> Vec<(String, &'static str)> {
    vec![
        (String::new(), "EMPTY"),
        ("   ".into(), "EMPTY"),
        ("\t\n".into(), "EMPTY"),
        ("\u{3000}".into(), "EMPTY"),
        ("x".repeat(201), "TOO_LONG"),
        ("é".repeat(201), "TOO_LONG"),
        ("x".repeat(10_000), "TOO_LONG"),
        ("x".repeat(100_000), "TOO_LONG"),
        ("🧑".repeat(201), "TOO_LONG"),
        ("nul\u{0}".into(), "CONTROL_CHARACTER"),
        ("two\nlines".into(), "CONTROL_CHARACTER"),
        ("bell\u{7}".into(), "CONTROL_CHARACTER"),
        ("next line\u{85}x".into(), "CONTROL_CHARACTER"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_single_lines_within_the_limit() {
    let shop = FilledShop::start().await;
    for (name, reason) in bad_names() {
        let variables = json!({ "account": { "name": name } });
        let expected = ApiError::argument("account.name", reason);
        shop.require_refused(CREATE_ACCOUNT, variables, &expected)
            .await;
        let expected = ApiError::argument("product.name", reason);
        let product = json!({ "name": name, "description": "", "price": 1 });
        shop.require_refused(CREATE_PRODUCT, json!({ "product": product }), &expected)
            .await;
        let price = json!({ "amount": "1" });
        let product = json!({ "name": name, "description": "", "price": price });
        shop.require_refused(
            CREATE_PRICED_PRODUCT,
            json!({ "product": product }),
            &expected,
        )
        .await;
        let expected = ApiError::argument("name", reason);
        for (document, id) in [
            (RENAME_ACCOUNT, &shop.account),
            (UPDATE_PRODUCT, &shop.product),
        ] {
            shop.require_refused(document, json!({ "id": id, "name": name }), &expected)
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reasons_are_printable_within_the_limit() {
    let shop = FilledShop::start().await;
    let order = shop
        .node
        .api
        .run("{ accounts { orders { id } } }")
        .await
        .text_at("/accounts/0/orders/0/id");
    let document =
        "mutation($id: String!, $reason: String) { cancelOrder(id: $id, reason: $reason) { id } }";
    for (reason, why) in [
        ("x".repeat(501), "TOO_LONG"),
        ("nul\u{0}".into(), "CONTROL_CHARACTER"),
        ("bell\u{7}".into(), "CONTROL_CHARACTER"),
    ] {
        let expected = ApiError::argument("reason", why);
        let variables = json!({ "id": order, "reason": reason });
        shop.require_refused(document, variables, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_are_printable_within_the_limit() {
    let shop = FilledShop::start().await;
    for (description, reason) in [
        ("x".repeat(4_001), "TOO_LONG"),
        ("é".repeat(4_001), "TOO_LONG"),
        ("nul\u{0}".into(), "CONTROL_CHARACTER"),
        ("bell\u{7}".into(), "CONTROL_CHARACTER"),
    ] {
        let product = json!({ "name": "P", "description": description, "price": 1 });
        let expected = ApiError::argument("product.description", reason);
        shop.require_refused(CREATE_PRODUCT, json!({ "product": product }), &expected)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_at_their_limits_are_stored_unchanged() {
    let shop = FilledShop::start().await;
    let api = &shop.node.api;
    for name in [
        "é".repeat(200),
        "🧑‍🚀 \"Ærøskøbing\" \\ <&>".into(),
        " x ".into(),
    ] {
        let created = created(api, CREATE_ACCOUNT, json!({ "account": { "name": name } })).await;
        assert_eq!(created["createAccount"]["name"], name);
    }
    for description in ["é".repeat(4_000), String::new(), "a\r\n\tb".into()] {
        let product = json!({ "name": "P", "description": description, "price": 1 });
        let created = created(api, CREATE_PRODUCT, json!({ "product": product })).await;
        assert_eq!(created["createProduct"]["description"], description);
    }
}

async fn created(api: &Api, document: &str, variables: Value) -> Value {
    api.run_with(document, variables).await.data("")
}

#[tokio::test(flavor = "multi_thread")]
async fn search_text_over_the_limit_is_refused() {
    let shop = FilledShop::start().await;
    let document = "query($query: String!) { products(query: $query) { id } }";
    let expected = ApiError::argument("query", "TOO_LONG");
    shop.require_refused(document, json!({ "query": "x".repeat(201) }), &expected)
        .await;
}
