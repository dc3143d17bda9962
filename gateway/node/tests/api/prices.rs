//! Amounts are returned as sent, to the last decimal (requirement A5). They are compared as text: a
//! test that reads doubles could not notice an additional digit.

use fritzy_testbed_shop::{Api, ApiError, Response};

use crate::node::TestNode;
use serde_json::{Value, json};

/// A price as a client writes it, and as number, text and minor units of the response.
const PRICES: [(&str, &str, &str, &str); 9] = [
    ("5", "5.0", "5.00", "500"),
    ("5.0", "5.0", "5.00", "500"),
    ("14.66", "14.66", "14.66", "1466"),
    ("14.6600", "14.66", "14.66", "1466"),
    ("0", "0.0", "0.00", "0"),
    ("0.1", "0.1", "0.10", "10"),
    ("5e2", "500.0", "500.00", "50000"),
    ("1000000", "1000000.0", "1000000.00", "100000000"),
    (
        "99999999999.99",
        "99999999999.99",
        "99999999999.99",
        "9999999999999",
    ),
];

const FIELDS: &str = "{ id price priceMoney { amount currency minorUnits } }";

fn require_price(
    response: &Response,
    number: &str,
    amount: &str,
    currency: &str,
    minor_units: &str,
) {
    let expected = format!(
        r#""price":{number},"priceMoney":{{"amount":"{amount}","currency":"{currency}","minorUnits":{minor_units}}}}}"#
    );
    assert!(
        response.text.contains(&expected),
        "{expected} in {response:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn price_is_returned_exactly_in_every_notation() {
    let node = TestNode::start().await;
    for (sent, number, amount, minor_units) in PRICES {
        let literal = format!(
            r#"mutation {{ createProduct(product: {{ name: "P", description: "", price: {sent} }}) {FIELDS} }}"#
        );
        let by_literal = node.api.run(&literal).await;
        require_price(&by_literal, number, amount, "USD", minor_units);

        // Written by hand: a JSON library would format the number itself.
        let document = format!(
            "mutation($price: Float!) {{ createProduct(product: {{ name: \\\"P\\\", description: \\\"\\\", price: $price }}) {FIELDS} }}"
        );
        let body = format!(r#"{{"query":"{document}","variables":{{"price":{sent}}}}}"#);
        let by_variable = node.api.send(node.api.post(), body).await;
        require_price(&by_variable, number, amount, "USD", minor_units);

        let id = by_variable.text_at("/createProduct/id");
        let read = node
            .api
            .run(&format!(r#"{{ products(id: "{id}") {FIELDS} }}"#))
            .await;
        require_price(&read, number, amount, "USD", minor_units);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_exact_where_doubles_are_not() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let document = "query($id: String!) {
        order(id: $id) { totalPrice totalMoney { amount minorUnits } products { price quantity } }
    }";
    for (lines, expected) in [
        // 0.1 * 3 and 0.1 + 0.2 end in ...04 as doubles.
        (
            &[(0.1, 3)][..],
            r#""totalPrice":0.3,"totalMoney":{"amount":"0.30","minorUnits":30}"#,
        ),
        (
            &[(0.1, 1), (0.2, 1)],
            r#""totalPrice":0.3,"totalMoney":{"amount":"0.30","minorUnits":30}"#,
        ),
        (
            &[(1.1, 3), (2.2, 1)],
            r#""totalPrice":5.5,"totalMoney":{"amount":"5.50","minorUnits":550}"#,
        ),
        (
            &[(99_999.99, 1_000_000)],
            r#""totalPrice":99999990000.0,"totalMoney":{"amount":"99999990000.00","minorUnits":9999999000000}"#,
        ),
        (
            &[(0.0, 7)],
            r#""totalPrice":0.0,"totalMoney":{"amount":"0.00","minorUnits":0}"#,
        ),
    ] {
        let mut products = Vec::new();
        for (price, quantity) in lines {
            products.push((node.api.new_product("P", *price).await, *quantity));
        }
        let lines: Vec<(&str, i64)> = products.iter().map(|(id, n)| (id.as_str(), *n)).collect();
        let order = node.api.new_order(&account, &lines).await;
        let read = node.api.run_with(document, json!({ "id": order })).await;
        assert!(read.text.contains(expected), "{expected} in {read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn order_lines_keep_the_price_at_ordering() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let product = node.api.new_product("Lamp", 14.66).await;
    let order = node.api.new_order(&account, &[(&product, 2)]).await;
    let document = format!(
        r#"{{ order(id: "{order}") {{ products {{ name price priceMoney {{ amount currency }} quantity }} }} }}"#
    );
    let read = node.api.run(&document).await;
    let line = r#"{"name":"Lamp","price":14.66,"priceMoney":{"amount":"14.66","currency":"USD"},"quantity":2}"#;
    assert!(read.text.contains(line), "{read:?}");
}

async fn create_priced(api: &Api, price: &str) -> Response {
    let document = format!(
        r#"mutation {{ createPricedProduct(product: {{ name: "P", description: "", price: {price} }}) {FIELDS} }}"#
    );
    api.run(&document).await
}

#[tokio::test(flavor = "multi_thread")]
async fn text_amounts_have_the_decimals_of_their_currency() {
    let node = TestNode::start().await;
    for (price, number, amount, currency, minor_units) in [
        (
            r#"{ amount: "500", currency: "JPY" }"#,
            "500.0",
            "500",
            "JPY",
            "500",
        ),
        (
            r#"{ amount: "20.0", currency: "JPY" }"#,
            "20.0",
            "20",
            "JPY",
            "20",
        ),
        (
            r#"{ amount: "0.25", currency: "KWD" }"#,
            "0.25",
            "0.250",
            "KWD",
            "250",
        ),
        (
            r#"{ amount: "1.234", currency: "KWD" }"#,
            "1.234",
            "1.234",
            "KWD",
            "1234",
        ),
        (
            r#"{ amount: "14.66", currency: "EUR" }"#,
            "14.66",
            "14.66",
            "EUR",
            "1466",
        ),
        (
            r#"{ amount: "14.66", currency: null }"#,
            "14.66",
            "14.66",
            "USD",
            "1466",
        ),
        (
            r#"{ amount: "1999.98" }"#,
            "1999.98",
            "1999.98",
            "USD",
            "199998",
        ),
        (
            r#"{ amount: "99999999999.99" }"#,
            "99999999999.99",
            "99999999999.99",
            "USD",
            "9999999999999",
        ),
    ] {
        let created = create_priced(&node.api, price).await;
        require_price(&created, number, amount, currency, minor_units);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_text_amounts_are_refused() {
    let node = TestNode::start().await;
    let (amount, currency) = ("product.price.amount", "product.price.currency");
    for (price, field, reason) in [
        (
            r#"{ amount: "5", currency: "XXX" }"#,
            currency,
            "UNKNOWN_CURRENCY",
        ),
        (
            r#"{ amount: "5", currency: "usd" }"#,
            currency,
            "UNKNOWN_CURRENCY",
        ),
        (
            r#"{ amount: "5", currency: "" }"#,
            currency,
            "UNKNOWN_CURRENCY",
        ),
        (
            r#"{ amount: "0.5", currency: "JPY" }"#,
            amount,
            "TOO_MANY_DECIMALS",
        ),
        (
            r#"{ amount: "0.0001", currency: "KWD" }"#,
            amount,
            "TOO_MANY_DECIMALS",
        ),
        (r#"{ amount: "14.666" }"#, amount, "TOO_MANY_DECIMALS"),
        (r#"{ amount: "-1" }"#, amount, "NEGATIVE"),
        (r#"{ amount: "100000000000" }"#, amount, "AMOUNT_TOO_LARGE"),
        (r#"{ amount: "1e30" }"#, amount, "AMOUNT_TOO_LARGE"),
        (r#"{ amount: "" }"#, amount, "NOT_A_NUMBER"),
        (r#"{ amount: "1,5" }"#, amount, "NOT_A_NUMBER"),
        (r#"{ amount: "NaN" }"#, amount, "NOT_A_NUMBER"),
    ] {
        let refused = create_priced(&node.api, price).await;
        assert_eq!(
            refused.api_error(),
            ApiError::argument(field, reason),
            "{price}"
        );
    }
    let listed = node.api.run("{ products { id } }").await;
    assert_eq!(listed.text, r#"{"data":{"products":[]}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn numeric_prices_are_in_the_shop_currency() {
    let yen = "JPY".parse().expect("yen");
    let node = TestNode::start_with(|settings| settings.currency = yen).await;
    let document = |price: &str| {
        format!(
            r#"mutation {{ createProduct(product: {{ name: "P", description: "", price: {price} }}) {FIELDS} }}"#
        )
    };
    let created = node.api.run(&document("500")).await;
    require_price(&created, "500.0", "500", "JPY", "500");
    let refused = node.api.run(&document("14.66")).await;
    let expected = ApiError::argument("product.price", "TOO_MANY_DECIMALS");
    assert_eq!(refused.api_error(), expected);
    let created = create_priced(&node.api, r#"{ amount: "20" }"#).await;
    require_price(&created, "20.0", "20", "JPY", "20");
}

#[tokio::test(flavor = "multi_thread")]
async fn order_in_two_currencies_is_refused() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let dollars = node.api.new_priced_product("D", "1.00", "USD").await;
    let yen = node.api.new_priced_product("Y", "500", "JPY").await;
    let before = node.api.everything().await;
    let document = "mutation($order: OrderInput!) {
        createOrder(order: $order) { id totalPrice totalMoney { amount currency minorUnits } }
    }";
    let mixed = fritzy_testbed_shop::order(&account, &[(&dollars, 1), (&yen, 1)]);
    let refused = node.api.run_with(document, json!({ "order": mixed })).await;
    let expected = ApiError::of("CURRENCY_MISMATCH", "order.products[1].productId", "");
    assert_eq!(refused.api_error(), expected);
    assert_eq!(node.api.everything().await, before);

    let plain = fritzy_testbed_shop::order(&account, &[(&yen, 3)]);
    let placed = node.api.run_with(document, json!({ "order": plain })).await;
    let total =
        r#""totalPrice":1500.0,"totalMoney":{"amount":"1500","currency":"JPY","minorUnits":1500}"#;
    assert!(placed.text.contains(total), "{placed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_price_without_currency_is_in_the_product_s() {
    let node = TestNode::start().await;
    let yen = node.api.new_priced_product("Lamp", "500", "JPY").await;
    let reprice = "mutation($id: String!, $price: MoneyInput!, $key: String) {
        repriceProduct(id: $id, price: $price, idempotencyKey: $key) { priceMoney { amount currency } }
    }";
    let run = async |price: Value, key: Option<&str>| {
        let variables = json!({ "id": yen, "price": price, "key": key });
        node.api.run_with(reprice, variables).await
    };
    let repriced = run(json!({ "amount": "700" }), Some("k")).await;
    let expected = json!({ "amount": "700", "currency": "JPY" });
    assert_eq!(repriced.data("/repriceProduct/priceMoney"), expected);
    let refused = run(json!({ "amount": "7.50" }), None).await;
    let expected = ApiError::argument("price.amount", "TOO_MANY_DECIMALS");
    assert_eq!(refused.api_error(), expected);

    let dollars = run(json!({ "amount": "7.50", "currency": "USD" }), None).await;
    let expected = json!({ "amount": "7.50", "currency": "USD" });
    assert_eq!(dollars.data("/repriceProduct/priceMoney"), expected);
    // The first use, though the product has another currency by now.
    let again = run(json!({ "amount": "700" }), Some("k")).await;
    assert_eq!(again.text, repriced.text);
}
