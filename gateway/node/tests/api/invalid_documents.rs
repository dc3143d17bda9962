//! A document is valid as a whole before anything of it is executed; a client is told what is wrong
//! where.

use serde_json::{Value, json};

use crate::node::TestNode;

/// Values that do not fit into an argument or an input field of this type.
const MISFITS: [(&str, &str); 12] = [
    (r#"createAccount(account: VALUE) { id }"#, r#""Bob""#),
    (
        r#"createAccount(account: VALUE) { id }"#,
        r#"[{ name: "Bob" }]"#,
    ),
    (r#"createAccount(account: VALUE) { id }"#, "{ name: 1 }"),
    (
        r#"createAccount(account: VALUE) { id }"#,
        r#"{ name: "Bob", age: 1 }"#,
    ),
    (r#"createAccount(account: VALUE) { id }"#, "null"),
    (r#"createAccount(account: { name: VALUE }) { id }"#, "BOB"),
    (
        r#"createProduct(product: { name: "P", description: "", price: VALUE }) { id }"#,
        r#""9.99""#,
    ),
    (
        r#"createOrder(order: { accountId: "a", products: VALUE }) { id }"#,
        "[null]",
    ),
    (
        r#"createOrder(order: { accountId: "a", products: [{ productId: "p", quantity: VALUE }] }) { id }"#,
        "1.5",
    ),
    (
        r#"createOrder(order: { accountId: "a", products: [{ productId: "p", quantity: VALUE }] }) { id }"#,
        "2147483648",
    ),
    (r#"renameAccount(id: VALUE, name: "Bea") { id }"#, "7"),
    (
        r#"renameAccount(id: "a", name: "Bea", expectedVersion: VALUE) { id }"#,
        r#""1""#,
    ),
];

async fn names(node: &TestNode) -> Value {
    let accounts = node
        .api
        .run("{ accounts { name } products { name } }")
        .await;
    accounts.data("")
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_invalid_document_is_executed() {
    let node = TestNode::start().await;
    let before = names(&node).await;
    for (field, value) in MISFITS {
        let field = field.replace("VALUE", value);
        for document in [
            format!(
                r#"mutation {{ new: createAccount(account: {{ name: "Lost" }}) {{ id }} {field} }}"#
            ),
            format!(
                r#"mutation {{ {field} new: createAccount(account: {{ name: "Lost" }}) {{ id }} }}"#
            ),
            format!(
                r#"mutation {{ new: createAccount(account: {{ name: "Lost" }}) {{ id }} ...F }}
                   fragment F on Mutation {{ ... @skip(if: true) {{ {field} }} }}"#
            ),
            format!(
                r#"mutation A {{ new: createAccount(account: {{ name: "Lost" }}) {{ id }} }} mutation B {{ {field} }}"#
            ),
        ] {
            let body = json!({ "query": document, "operationName": document.contains("mutation A").then_some("A") });
            let response = node.api.send(node.api.post(), body.to_string()).await;
            assert_eq!(
                response.code(),
                "GRAPHQL_VALIDATION_FAILED",
                "{document}: {response:?}"
            );
            assert!(
                response.json().get("data").is_none(),
                "{document}: {response:?}"
            );
            assert!(
                response.error()["locations"][0]["line"].is_u64(),
                "{response:?}"
            );
            assert_eq!(names(&node).await, before, "written by {document}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn misfitting_variables_and_defaults_execute_nothing() {
    let node = TestNode::start().await;
    let before = names(&node).await;
    let mutation = |variable: &str, field: &str| {
        format!(
            r#"mutation({variable}) {{ new: createAccount(account: {{ name: "Lost" }}) {{ id }} {field} {{ id }} }}"#
        )
    };
    let by_name = "renameAccount(id: $v, name: \"Bea\")";
    let by_version = "renameAccount(id: \"a\", name: \"Bea\", expectedVersion: $v)";
    let by_account = "createAccount(account: $v)";
    let by_field = "createAccount(account: { name: $v })";
    let by_lines = "createOrder(order: { accountId: \"a\", products: $v })";
    let by_line = "createOrder(order: { accountId: \"a\", products: [$v] })";
    let by_price = "createProduct(product: { name: \"P\", description: \"\", price: $v })";
    for (variable, field) in [
        ("$v: OrderStatus!", by_name),
        ("$v: [String!]!", by_name),
        ("$v: String", by_name),
        ("$v: ID!", by_name),
        ("$v: Float!", by_version),
        ("$v: String = \"1\"", by_version),
        ("$v: JSON!", by_account),
        ("$v: AccountInput", by_account),
        ("$v: [AccountInput!]!", by_account),
        ("$v: AccountInput! = { name: 1 }", by_account),
        ("$v: AccountInput! = { nam: \"Bob\" }", by_account),
        ("$v: Int!", by_field),
        ("$v: String", by_field),
        ("$v: [OrderProductInput]!", by_lines),
        ("$v: OrderProductInput!", by_lines),
        ("$v: OrderProductInput", by_line),
        ("$v: [OrderProductInput!]!", by_line),
        ("$v: String!", by_price),
        ("$v: Nope", by_name),
        ("$v: [Nope] = 3", by_name),
        ("$v: Account!", by_name),
        ("$v: String! = $w, $w: String", by_name),
        ("$v: String!, $v: String!", by_name),
        ("$v: String!, $unused: Int", by_name),
    ] {
        let document = mutation(variable, field);
        // With values as without them: what is declared decides.
        for value in [
            None,
            Some(json!("a")),
            Some(json!(1)),
            Some(json!(null)),
            Some(json!({})),
        ] {
            let variables = value.map_or_else(|| json!({}), |value| json!({ "v": value }));
            let response = node.api.run_with(&document, variables.clone()).await;
            let errors = response.json()["errors"].clone();
            let errors = errors.as_array().expect("errors");
            for error in errors {
                let code = error["extensions"]["code"].as_str().unwrap_or_default();
                assert!(
                    ["GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"].contains(&code),
                    "{variable} {field} {variables}: {response:?}"
                );
            }
            assert_eq!(names(&node).await, before, "written by {document}");
        }
    }
    for directive in ["@skip(if: $v)", "@include(if: $v)"] {
        let document = mutation(
            "$v: Boolean",
            &format!("createAccount(account: {{ name: \"Bob\" }}) {directive}"),
        );
        let response = node.api.run(&document).await;
        assert_eq!(response.code(), "GRAPHQL_VALIDATION_FAILED", "{response:?}");
        assert_eq!(names(&node).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_string_is_read_as_specified() {
    let node = TestNode::start().await;
    for (literal, name) in [
        (r#""\ud83d\ude00""#, "😀"),
        (r#""\u{1F600}\u{41}""#, "😀A"),
        (r#""\u0041\"\\\/""#, "A\"\\/"),
        (r#""""a \""" b""""#, "a \"\"\" b"),
        ("\"\"\"\n    a  b\n  \"\"\"", "a  b"),
        (r#""""a \u0041 \n""""#, "a \\u0041 \\n"),
        (r#""ä 😀""#, "ä 😀"),
    ] {
        let document = format!(
            "\u{feff}mutation \u{feff} {{ createAccount(account: {{ name: {literal} }}) {{ name }} }}"
        );
        let response = node.api.run(&document).await;
        assert_eq!(
            response.data("/createAccount/name"),
            json!(name),
            "{literal}"
        );
    }
    for literal in [
        r#""\ud83d""#,
        r#""\u{110000}""#,
        r#""\x41""#,
        "\"a\nb\"",
        r#""""a"#,
    ] {
        let document =
            format!("mutation {{ createAccount(account: {{ name: {literal} }}) {{ name }} }}");
        let response = node.api.run(&document).await;
        assert_eq!(
            response.code(),
            "GRAPHQL_PARSE_FAILED",
            "{literal}: {response:?}"
        );
    }
}

/// One sign at the end of each sentence.
fn require_punctuation(message: &str) {
    assert!(message.ends_with(['.', '?']), "{message}");
    for doubled in ["..", "?.", ".?", "  "] {
        assert!(!message.contains(doubled), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn message_says_what_is_wrong_and_where() {
    let node = TestNode::start().await;
    for (document, message, line, column) in [
        ("{\n  accounts(id: ) { id }\n}", "at \")\"", 2, 16),
        ("{ accounts { id }", "at the end of the document", 1, 18),
        ("{ accounts { id } } }", "at \"}\"", 1, 21),
        ("{ accounts(id: \"a) { id } }", "Syntax error", 1, 16),
        ("{ accounts { nam } }", "Did you mean \"name\"?", 1, 14),
        ("{ accounts(ids: 1) { id } }", "Did you mean \"id\"?", 1, 12),
        (
            "mutation { createAccount(account: { nme: \"a\", name: \"b\" }) { id } }",
            "\"AccountInput\" has no field \"nme\". Did you mean \"name\"?",
            1,
            37,
        ),
        (
            "mutation { createOrder(order: { accountId: \"a\", products: [{ productId: \"a\", quantity: 1 }, { productId: \"b\" }] }) { id } }",
            "products[1]",
            1,
            93,
        ),
        ("{ ä: accounts { id } }", "Syntax error", 1, 3),
        ("{\u{2028}}", "at U+2028", 1, 2),
        ("{ accounts \u{a0} { id } }", "at U+00A0", 1, 12),
        ("{ accounts \u{7f}{ id } }", "at U+007F", 1, 12),
        (
            "{ accounts { id } ,\n\t",
            "at the end of the document",
            2,
            2,
        ),
        (
            "{ orders(first: 1.5) { totalCount } }",
            "At first: float is not a value of \"Int\".",
            1,
            17,
        ),
        (
            "query($n: Int = \"1\") { orders(first: $n) { totalCount } }",
            "At the default of $n: string is not a value of \"Int\".",
            1,
            17,
        ),
        (
            "{ a: accounts { id } ... { b: orders(last: \"1\", first: 2) @skip(if: true) { totalCount } } }",
            "At last: string is not a value of \"Int\".",
            1,
            44,
        ),
        (
            "{ accounts @skip(if: 1) { id } }",
            "At if: integer is not a value of \"Boolean!\".",
            1,
            22,
        ),
        (
            "{ orders(sort: cREATED_ASC) { totalCount } }",
            "At sort: \"cREATED_ASC\" is not a value of \"OrderSort\". Did you mean \"CREATED_ASC\"?",
            1,
            16,
        ),
        (
            "{ orders(filter: { status: [CREATED, creatd] }) { totalCount } }",
            "At filter.status[1]: \"creatd\" is not a value of \"OrderStatus\". Did you mean \"CREATED\"?",
            1,
            38,
        ),
        (
            "mutation { createAccount(account: {}) { id } }",
            "At account: \"AccountInput\" needs the field \"name\".",
            1,
            35,
        ),
    ] {
        let response = node.api.run(document).await;
        let text = response.error()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(text.contains(message), "{document}: {text}");
        assert!(text.len() < 200, "{text}");
        require_punctuation(&text);
        let location = &response.error()["locations"][0];
        assert_eq!(
            *location,
            json!({ "line": line, "column": column }),
            "{document}: {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn message_about_a_variable_names_its_place() {
    let node = TestNode::start().await;
    let document = "mutation($order: OrderInput!) { createOrder(order: $order) { id } }";
    let line = |quantity: Value| json!({ "productId": "p", "quantity": quantity });
    for (order, message) in [
        (
            json!({ "accountId": "a", "products": [line(json!(1)), line(json!("two"))] }),
            "Variable \"$order\" at products[1].quantity is not of type Int.",
        ),
        (
            json!({ "accountId": "a", "products": [line(json!(null))] }),
            "Variable \"$order\" at products[0].quantity must not be null.",
        ),
        (
            json!({ "accountId": "a", "products": [{ "productId": "p", "quanttiy": 1 }] }),
            "Variable \"$order\" at products[0] has the field \"quanttiy\", which OrderProductInput does not define. Did you mean \"quantity\"?",
        ),
        (
            json!({ "products": [] }),
            "Variable \"$order\" lacks the field \"accountId\" of OrderInput.",
        ),
        (json!(7), "Variable \"$order\" is not of type OrderInput."),
        (json!(null), "Variable \"$order\" must not be null."),
    ] {
        let response = node.api.run_with(document, json!({ "order": order })).await;
        assert_eq!(response.code(), "BAD_USER_INPUT");
        let text = response.error()["message"].clone();
        assert!(
            text.as_str().is_some_and(|text| text.starts_with(message)),
            "{text}"
        );
        require_punctuation(text.as_str().unwrap_or_default());
    }
    let response = node.api.run(document).await;
    assert_eq!(
        response.error()["message"],
        "Variable \"$order\" of type OrderInput! is required."
    );
}
