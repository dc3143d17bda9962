//! Prices that are negative, too precise, too large, or of another type.

use fritzy_testbed_shop::ApiError;
use serde_json::json;

use super::FilledShop;

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_exact_amounts_from_0_to_the_limit() {
    let shop = FilledShop::start().await;
    for (price, reason) in [
        ("-1", "NEGATIVE"),
        ("-0.01", "NEGATIVE"),
        ("-1e30", "NEGATIVE"),
        ("1e30", "AMOUNT_TOO_LARGE"),
        ("1000000000000000000000000000000", "AMOUNT_TOO_LARGE"),
        ("100000000000", "AMOUNT_TOO_LARGE"),
        ("100000000000.00", "AMOUNT_TOO_LARGE"),
        ("14.666", "TOO_MANY_DECIMALS"),
        ("0.001", "TOO_MANY_DECIMALS"),
        ("1e-30", "TOO_MANY_DECIMALS"),
    ] {
        let expected = ApiError::argument("product.price", reason);
        let literal = format!(
            r#"mutation {{ createProduct(product: {{ name: "P", description: "", price: {price} }}) {{ id }} }}"#
        );
        shop.require_refused(&literal, json!({ "literal": price }), &expected)
            .await;
        let by_variable =
            "mutation($product: ProductInput!) { createProduct(product: $product) { id } }";
        let price: f64 = price.parse().expect("a number");
        let product = json!({ "name": "P", "description": "", "price": price });
        shop.require_refused(by_variable, json!({ "product": product }), &expected)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_of_other_types_are_refused() {
    let shop = FilledShop::start().await;
    let document = "mutation($product: ProductInput!) { createProduct(product: $product) { id } }";
    for price in [
        json!("14.66"),
        json!("abc"),
        json!("NaN"),
        json!(true),
        json!(null),
        json!([1]),
        json!({ "amount": 1 }),
    ] {
        let product = json!({ "name": "P", "description": "", "price": price });
        shop.require_no_value(document, json!({ "product": product }))
            .await;
    }
    for price in [
        r#""14.66""#,
        r#""abc""#,
        "NaN",
        "true",
        "null",
        "FREE",
        "{ amount: 1 }",
    ] {
        let literal = format!(
            r#"mutation {{ createProduct(product: {{ name: "P", description: "", price: {price} }}) {{ id }} }}"#
        );
        shop.require_no_value(&literal, json!({ "literal": price }))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_with_a_text_price_validates_it() {
    let shop = FilledShop::start().await;
    let create = "mutation($price: MoneyInput!) {
        createPricedProduct(product: { name: \"P\", description: \"\", price: $price }) { id }
    }";
    let reprice = "mutation($price: MoneyInput!, $id: String!) {
        repriceProduct(id: $id, price: $price) { id }
    }";
    for (amount, reason) in [
        ("-1", "NEGATIVE"),
        ("1e30", "AMOUNT_TOO_LARGE"),
        ("NaN", "NOT_A_NUMBER"),
        ("abc", "NOT_A_NUMBER"),
        ("", "NOT_A_NUMBER"),
        ("14.666", "TOO_MANY_DECIMALS"),
    ] {
        for (document, field) in [(create, "product.price.amount"), (reprice, "price.amount")] {
            let expected = ApiError::argument(field, reason);
            let price = json!({ "amount": amount });
            let variables = json!({ "price": price, "id": shop.product });
            shop.require_refused(document, variables, &expected).await;
        }
    }
}
