//! Values of scalars: what a literal, a default or a variable may be is known before anything is
//! executed, and messages show little of a wrong one.

use fritzy_testbed_shop::{ApiError, Response};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::node::TestNode;

/// The response to a client that accepts the status of refused requests.
async fn run(node: &TestNode, document: &str, variables: Value) -> Response {
    let request = node.api.request(Method::POST, "/graphql");
    let request = request
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/graphql-response+json");
    let body = json!({ "query": document, "variables": variables });
    node.api.send(request, body.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_time_is_refused_before_execution() {
    let node = TestNode::start().await;
    for (document, variables, code, message) in [
        (
            r#"{ accounts { id } orders(filter: { createdFrom: "x" }) { totalCount } }"#,
            json!({}),
            "GRAPHQL_VALIDATION_FAILED",
            "At filter.createdFrom: not a value of \"Time\": it is not an RFC 3339 timestamp.",
        ),
        (
            "{ orders(filter: { createdBefore: 5 }) { totalCount } }",
            json!({}),
            "GRAPHQL_VALIDATION_FAILED",
            "At filter.createdBefore: not a value of \"Time\": it is not a string.",
        ),
        (
            r#"query($t: Time = "x") { orders(filter: { createdFrom: $t }) { totalCount } }"#,
            json!({ "t": "2026-11-22T19:34:33Z" }),
            "GRAPHQL_VALIDATION_FAILED",
            "At the default of $t: not a value of \"Time\": it is not an RFC 3339 timestamp.",
        ),
        (
            "query($t: Time) { accounts { id } orders(filter: { createdFrom: $t }) { totalCount } }",
            json!({ "t": "x" }),
            "BAD_USER_INPUT",
            "Variable \"$t\" is not a value of Time: it is not an RFC 3339 timestamp.",
        ),
        (
            "query($f: OrderFilter) { accounts { id } orders(filter: $f) { totalCount } }",
            json!({ "f": { "createdFrom": 7 } }),
            "BAD_USER_INPUT",
            "Variable \"$f\" at createdFrom is not a value of Time: it is not a string.",
        ),
    ] {
        let response = run(&node, document, variables).await;
        assert_eq!(response.code(), code, "{document}: {response:?}");
        assert_eq!(response.error()["message"], message);
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{document}");
        assert!(response.json().get("data").is_none(), "{response:?}");
    }
    let right =
        r#"{ orders(filter: { createdFrom: "2026-11-22T19:34:33+01:00" }) { totalCount } }"#;
    assert_eq!(node.api.run(right).await.data("/orders/totalCount"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn integer_of_any_size_is_an_id() {
    let node = TestNode::start().await;
    let account = node.api.new_account("Ada").await;
    let huge = "9".repeat(40);
    for id in [
        "7",
        "-7",
        "9223372036854775808",
        "18446744073709551616",
        &huge,
    ] {
        let document = format!(
            r#"mutation {{ a: createAccount(account: {{ name: "x" }}) {{ name }}
                annotateOrder(id: {id}, externalReference: "r") {{ id }}
                c: createAccount(account: {{ name: "y" }}) {{ name }} }}"#
        );
        let response = node.api.run(&document).await;
        assert_eq!(response.api_error(), ApiError::argument("id", "NOT_AN_ID"));
        let data = &response.json()["data"];
        assert_eq!(
            (&data["a"]["name"], &data["c"]["name"]),
            (&json!("x"), &json!("y"))
        );
        for document in [
            format!("{{ account(id: {id}) {{ id }} accounts {{ id }} }}"),
            format!("query($i: ID! = {id}) {{ account(id: $i) {{ id }} accounts {{ id }} }}"),
            format!("{{ ... on Query {{ node(id: {id}) {{ id }} accounts {{ id }} }} }}"),
        ] {
            let response = node.api.run(&document).await;
            assert_eq!(
                response.api_error(),
                ApiError::argument("id", "NOT_AN_ID"),
                "{document}"
            );
            assert!(
                response.json()["data"]["accounts"].is_array(),
                "{response:?}"
            );
        }
        let listed = format!("{{ nodes(ids: [\"{account}\", {id}]) {{ id }} }}");
        let response = node.api.run(&listed).await;
        assert_eq!(
            response.api_error(),
            ApiError::argument("ids[1]", "NOT_AN_ID")
        );
        assert_eq!(
            response.json()["data"]["nodes"],
            json!([{ "id": account }, null])
        );
        let filtered = format!("{{ orders(filter: {{ productId: {id} }}) {{ totalCount }} }}");
        let response = node.api.run(&filtered).await;
        let error = ApiError::argument("filter.productId", "NOT_AN_ID");
        assert_eq!(response.api_error(), error);
    }
    for id in [json!(7), json!(-7), json!(u64::MAX)] {
        let document = "query($i: ID!, $l: [ID!]!) {
            account(id: $i) { id } nodes(ids: $l) { id } accounts { id } }";
        let variables = json!({ "i": id, "l": [account, id] });
        let response = node.api.run_with(document, variables).await;
        let data = &response.json()["data"];
        assert_eq!(
            data["nodes"],
            json!([{ "id": account }, null]),
            "{response:?}"
        );
        assert_eq!(data["accounts"].as_array().map(Vec::len), Some(11));
    }
}

/// Every scalar and enum that a client can give, with each kind of value. What is wrong is found
/// before anything is executed, or fails one field.
#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_variable_nulls_other_fields() {
    let node = TestNode::start().await;
    let values = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("x"),
        json!("2026-11-22T19:34:33Z"),
        json!("CREATED"),
        json!([]),
        json!([null]),
        json!(["x"]),
        json!([["x"]]),
        json!({}),
        json!({ "__typename": "Account", "id": 7 }),
    ];
    for (ty, field) in [
        ("String!", "order(id: $v) { id }"),
        (r#"String = "a""#, "order(id: $v) { id }"),
        ("ID!", "node(id: $v) { id }"),
        (r#"ID = "a""#, "node(id: $v) { id }"),
        ("Int", "orders(first: $v) { totalCount }"),
        ("Time", "orders(filter: { createdFrom: $v }) { totalCount }"),
        ("OrderSort", "orders(sort: $v) { totalCount }"),
        (
            "[OrderStatus!]",
            "orders(filter: { status: $v }) { totalCount }",
        ),
        ("[ID!]!", "nodes(ids: $v) { id }"),
        ("[_Any!]!", "_entities(representations: $v) { __typename }"),
    ] {
        let document = format!("query($v: {ty}) {{ accounts {{ id }} it: {field} }}");
        for value in &values {
            let response = node.api.run_with(&document, json!({ "v": value })).await;
            let json = response.json();
            for error in json["errors"].as_array().into_iter().flatten() {
                let path = &error["path"][0];
                let code = error["extensions"]["code"].as_str().unwrap_or_default();
                let is_sound = if path.is_null() {
                    code == "BAD_USER_INPUT"
                } else {
                    // Refused by the resolver, which names the argument, or by its null variable.
                    *path == json!("it")
                        && (code == "INVALID_ARGUMENT"
                            || (value.is_null() && json["data"]["accounts"].is_array()))
                };
                assert!(is_sound, "{ty} = {value}: {response:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_field_of_a_literal_is_refused_everywhere() {
    let node = TestNode::start().await;
    for value in [
        "{ a: 1, a: 2 }",
        "{ b: { a: 1, a: 1 } }",
        "{ b: [[{ a: 1 }, { c: { a: 1, b: 2, a: 3 } }]] }",
        "[{ a: 1, a: 2 }]",
    ] {
        for document in [
            format!("{{ _entities(representations: [{value}]) {{ __typename }} }}"),
            format!("{{ _entities(representations: {value}) {{ __typename }} }}"),
            format!(
                "query($v: [_Any!]! = [{value}]) {{ _entities(representations: $v) {{ __typename }} }}"
            ),
        ] {
            let response = node.api.run(&document).await;
            assert_eq!(response.code(), "GRAPHQL_VALIDATION_FAILED", "{document}");
            let message = response.error()["message"].to_string();
            assert!(
                message.contains("only one input field \\\"a\\\""),
                "{message}"
            );
        }
    }
    let twice = "{ _entities(representations: [{ a: 1, b: { a: 1 } }, { a: 1 }]) { __typename } }";
    let response = node.api.run(twice).await;
    assert_eq!(
        response.json()["data"],
        json!({ "_entities": [null, null] })
    );
}

/// Texts of the client, in each place that a message could repeat.
#[tokio::test(flavor = "multi_thread")]
async fn message_shows_little_of_a_long_value() {
    const BYTES_MAX: usize = 400;
    let node = TestNode::start().await;
    let long = "ü".repeat(300_000);
    let name = "n".repeat(256);
    let by = |ty: &str, field: &str| format!("query($v: {ty}) {{ {field} }}");
    let key = |value: Value| json!({ long.as_str(): value });
    let filter = by("OrderFilter", "orders(filter: $v) { totalCount }");
    let requests = [
        (
            by("Time", "orders(filter: { createdFrom: $v }) { totalCount }"),
            json!(long),
        ),
        (filter.clone(), json!({ "createdFrom": long })),
        (filter.clone(), json!({ "status": [long] })),
        (filter.clone(), key(json!(1))),
        (filter.clone(), json!({ "currency": long })),
        (filter, json!({ "totalMin": long, "currency": "USD" })),
        (
            by("OrderSort", "orders(sort: $v) { totalCount }"),
            json!(long),
        ),
        (by("Int", "orders(first: $v) { totalCount }"), json!(long)),
        (
            by("String", "orders(after: $v) { totalCount }"),
            json!(long),
        ),
        (by("ID!", "node(id: $v) { id }"), json!(long)),
        (
            by("[_Any!]!", "_entities(representations: $v) { __typename }"),
            json!([long]),
        ),
        (
            by("[_Any!]!", "_entities(representations: $v) { __typename }"),
            json!([{ "__typename": long, "id": long }]),
        ),
        (
            format!("{{ orders(sort: {name}) {{ totalCount }} }}"),
            json!(null),
        ),
        (
            format!("{{ orders(filter: {{ {name}: 1 }}) {{ totalCount }} }}"),
            json!(null),
        ),
        (
            format!("{{ orders(filter: {{ createdFrom: \"{long}\" }}) {{ totalCount }} }}"),
            json!(null),
        ),
        (
            format!(
                "{{ _entities(representations: [{{ {name}: 1, {name}: 2 }}]) {{ __typename }} }}"
            ),
            json!(null),
        ),
        (
            format!("{{ orders(first: \"{long}\") {{ totalCount }} }}"),
            json!(null),
        ),
        (
            format!(
                "{{ orders(first: {}) {{ totalCount }} }}",
                "9".repeat(500_000)
            ),
            json!(null),
        ),
        (format!("{{ {long} }}"), json!(null)),
    ];
    for (document, value) in requests {
        let response = node.api.run_with(&document, json!({ "v": value })).await;
        let json = response.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        assert!(
            !errors.is_empty(),
            "{:.200}: {:.200}",
            document,
            response.text
        );
        for error in errors {
            let message = error["message"].as_str().unwrap_or_default();
            assert!(
                message.len() <= BYTES_MAX,
                "{:.100}: {} bytes: {:.300}",
                document,
                message.len(),
                message
            );
        }
        assert!(response.text.len() < 2_000, "{:.100}", document);
    }
    for body in [
        json!({ "query": "{ a }", "variables": long }),
        json!({ "query": "{ a }", "variables": { "a": 1 }, "extensions": long }),
        json!({ "query": { long.as_str(): 1 } }),
        json!({ "query": "{ __typename }", "operationName": long }),
        json!({ "query": "{ a }", "extensions": { "persistedQuery": long } }),
    ] {
        let response = node.api.send(node.api.post(), body.to_string()).await;
        assert_eq!(response.code(), "BAD_REQUEST", "{:.300}", response.text);
        assert!(response.text.len() < BYTES_MAX, "{:.300}", response.text);
    }
    let address = format!(
        "/graphql?query=%7Ba%7D&variables=%22{}%22",
        "x".repeat(5_000)
    );
    let response = node
        .api
        .send(node.api.request(Method::GET, &address), "")
        .await;
    assert_eq!(response.code(), "BAD_REQUEST");
    assert!(response.text.len() < BYTES_MAX, "{:.300}", response.text);
}
