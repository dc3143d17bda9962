//! Null for a nullable variable that has a default, where null is not allowed. By GraphQL
//! ("Coercing Field Arguments") only the field that uses it fails.

use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::node::TestNode;

/// Requires one error, of this field, and returns the data.
async fn data_without(
    node: &TestNode,
    document: &str,
    variables: Value,
    path: Value,
    message: &str,
) -> Value {
    let response = node.api.run_with(document, variables).await;
    let error = response.error();
    assert_eq!(error["message"], message, "{document}");
    assert_eq!(error["path"], path, "{document}");
    assert_eq!(error["extensions"], json!({ "code": "BAD_USER_INPUT" }));
    assert!(error["locations"][0]["line"].is_u64(), "{error}");
    response.json()["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn null_variable_fails_its_own_mutation_only() {
    let node = TestNode::start().await;
    for (declared, field, place, null) in [
        (
            r#"$n: String = "x""#,
            "createAccount(account: { name: $n }) { id }",
            "account.name",
            json!({ "n": null }),
        ),
        (
            r#"$n: String = "x""#,
            "renameAccount(id: $n, name: \"Bea\") { id }",
            "id",
            json!({ "n": null }),
        ),
        (
            r#"$n: ID = "a""#,
            "annotateOrder(id: $n, externalReference: \"r\") { id }",
            "id",
            json!({ "n": null }),
        ),
        (
            "$n: Int = 1",
            r#"createOrder(order: { accountId: "a", products: [
                { productId: "p", quantity: 1 }, { productId: "q", quantity: $n }] }) { id }"#,
            "order.products[1].quantity",
            json!({ "n": null }),
        ),
        (
            "$n: Float = 5",
            r#"createProduct(product: { name: "P", description: "", price: $n }) { id }"#,
            "product.price",
            json!({ "n": null }),
        ),
        (
            r#"$n: OrderProductInput = { productId: "p", quantity: 1 }"#,
            r#"createOrder(order: { accountId: "a", products: [$n] }) { id }"#,
            "order.products[0]",
            json!({ "n": null }),
        ),
        (
            r#"$n: [OrderProductInput!] = []"#,
            r#"createOrder(order: { accountId: "a", products: $n }) { id }"#,
            "order.products",
            json!({ "n": null }),
        ),
        (
            r#"$n: AccountInput = { name: "x" }"#,
            "createAccount(account: $n) { id }",
            "account",
            json!({ "n": null }),
        ),
    ] {
        let document = format!(
            r#"mutation({declared}) {{
                a: createAccount(account: {{ name: "first" }}) {{ name }} b: {field}
                c: createAccount(account: {{ name: "last" }}) {{ name }} }}"#
        );
        let message = format!("Variable \"$n\" must not be null at {place}.");
        let data = data_without(&node, &document, null, json!(["b"]), &message).await;
        let expected = json!({ "a": { "name": "first" }, "b": null, "c": { "name": "last" } });
        assert_eq!(data, expected, "{document}");
    }
    let written = node.api.run("{ accountsConnection { totalCount } }").await;
    assert_eq!(written.data("/accountsConnection/totalCount"), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn null_variable_takes_no_default_but_an_absent_one_does() {
    let node = TestNode::start().await;
    let document = r#"mutation($n: String = "default") {
        ...F
    } fragment F on Mutation { createAccount(account: { name: $n }) { name } }"#;
    // In turn, because merged operations are kept by their variables.
    for _ in 0..3 {
        let absent = node.api.run_with(document, json!({})).await;
        assert_eq!(absent.text_at("/createAccount/name"), "default");
        let message = "Variable \"$n\" must not be null at account.name.";
        let path = json!(["createAccount"]);
        let null = json!({ "n": null });
        let data = data_without(&node, document, null, path, message).await;
        assert_eq!(data, json!({ "createAccount": null }));
        let given = node.api.run_with(document, json!({ "n": "Ada" })).await;
        assert_eq!(given.text_at("/createAccount/name"), "Ada");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_variable_of_a_query_fails_its_own_field() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let document = r#"query($i: ID = "a") {
        account(id: $i) { id } accounts(pagination: { take: 1 }) { id } node(id: $i) { id } }"#;
    let response = node.api.run_with(document, json!({ "i": null })).await;
    let expected = json!({ "account": null, "accounts": [{ "id": account }], "node": null });
    assert_eq!(response.json()["data"], expected);
    let errors = response.json()["errors"].clone();
    assert_eq!(errors.as_array().map(Vec::len), Some(2), "{errors}");

    // Where the field cannot be null, its parent is, up to the data.
    let message = "Variable \"$i\" must not be null at ids[1].";
    let document = r#"query($i: ID = "a") {
        nodes(ids: ["x", $i]) { id } accounts { id } }"#;
    let null = json!({ "i": null });
    let data = data_without(&node, document, null, json!(["nodes"]), message).await;
    assert_eq!(data, Value::Null);
}

/// A condition decides what is executed, so it is known before.
#[tokio::test(flavor = "multi_thread")]
async fn null_condition_executes_nothing() {
    let node = TestNode::start().await;
    for (directive, default) in [
        ("skip", true),
        ("skip", false),
        ("include", true),
        ("include", false),
    ] {
        for field in [
            format!(
                "{{ a: createAccount(account: {{ name: \"A\" }}) {{ id }} b: createAccount(account: {{ name: \"B\" }}) @{directive}(if: $v) {{ id }} }}"
            ),
            format!(
                "{{ a: createAccount(account: {{ name: \"A\" }}) {{ id n: name @{directive}(if: $v) }} }}"
            ),
            format!(
                "{{ a: createAccount(account: {{ name: \"A\" }}) {{ id }} ...F @{directive}(if: $v) }} fragment F on Mutation {{ c: createAccount(account: {{ name: \"C\" }}) {{ id }} }}"
            ),
        ] {
            let document = format!("mutation($v: Boolean = {default}) {field}");
            let request = node.api.request(Method::POST, "/graphql");
            let request = request
                .header(CONTENT_TYPE, "application/json")
                .header(ACCEPT, "application/graphql-response+json");
            let body = json!({ "query": document, "variables": { "v": null } });
            let response = node.api.send(request, body.to_string()).await;
            assert_eq!(response.code(), "BAD_USER_INPUT", "{document}");
            assert_eq!(response.status, StatusCode::BAD_REQUEST);
            assert_eq!(
                response.error()["message"],
                format!("Variable \"$v\" must not be null at the condition of @{directive}.")
            );
            assert!(response.json()["data"].is_null());
            let written = node.api.run("{ accounts { name } }").await;
            assert_eq!(written.data("/accounts"), json!([]), "{document}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_argument_of_introspection_is_its_default() {
    let node = TestNode::start().await;
    let text = |value: &str| {
        format!(
            r#"{{
                query: __type(name: "Query") {{
                    fields(includeDeprecated: {value}) {{ name args(includeDeprecated: {value}) {{ name }} }} }}
                input: __type(name: "OrderFilter") {{ inputFields(includeDeprecated: {value}) {{ name }} }}
                values: __type(name: "OrderStatus") {{ enumValues(includeDeprecated: {value}) {{ name }} }}
                __schema {{ directives {{ args(includeDeprecated: {value}) {{ name }} }} }} }}"#
        )
    };
    let hidden = node.api.run(&text("false")).await.data("");
    let shown = node.api.run(&text("true")).await.data("");
    assert_ne!(hidden, shown, "some arguments are deprecated");
    assert_eq!(node.api.run(&text("null")).await.data(""), hidden);
    let declared = format!("query($d: Boolean) {}", text("$d"));
    for (variables, expected) in [
        (json!({}), &hidden),
        (json!({ "d": null }), &hidden),
        (json!({ "d": false }), &hidden),
        (json!({ "d": true }), &shown),
    ] {
        // Twice, because a repeated document is kept.
        for _ in 0..2 {
            let response = node.api.run_with(&declared, variables.clone()).await;
            assert_eq!(response.data(""), *expected, "{variables}");
        }
    }
}
