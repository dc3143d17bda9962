//! Requests that are invalid as a whole: malformed JSON, unknown fields, bodies of 10 MB, deeply
//! nested or repetitive documents. Each contains a mutation, so that a premature execution would be
//! noticed.

use fritzy_testbed_shop::Response;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::FilledShop;
use crate::wire::{Wire, WireAnswer};

/// Ten times the limit of a body.
const TEN_MEGABYTES: usize = 10_000_000;

const CREATE: &str = r#"mutation { createAccount(account: { name: \"Eve\" }) { id } }"#;

fn require_400(response: &Response, code: &str, sent: &str) {
    assert_eq!(
        response.status,
        StatusCode::BAD_REQUEST,
        "{sent}: {response:?}"
    );
    assert_eq!(response.code(), code, "{sent}: {response:?}");
    assert!(
        response.json().get("data").is_none(),
        "{sent}: {response:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_json_is_a_bad_request() {
    let shop = FilledShop::start().await;
    let priced = r#"mutation($p: Float!) { createProduct(product: { name: \"P\", description: \"\", price: $p }) { id } }"#;
    for body in [
        format!(r#"{{"query":"{CREATE}""#),
        format!(r#"{{"query":"{CREATE}",}}"#),
        format!(r#"{{"query":"{CREATE}"}} {{"query":"{CREATE}"}}"#),
        format!(r#"{{"query":"{CREATE}","query":"{CREATE}"}}"#),
        format!(r#"{{query:"{CREATE}"}}"#),
        format!("{{'query':'{CREATE}'}}"),
        format!(r#"{{"query":"{CREATE} \ud800"}}"#),
        format!("{{\"query\":\"{CREATE}\u{1}\"}}"),
        format!(r#"{{"query":"{CREATE}","variables":"#) + &"[".repeat(100_000),
        format!(r#"{{"query":"{priced}","variables":{{"p":NaN}}}}"#),
        format!(r#"{{"query":"{priced}","variables":{{"p":Infinity}}}}"#),
        format!(r#"{{"query":"{priced}","variables":{{"p":1e400}}}}"#),
        format!(r#"{{"query":"{priced}","variables":{{"p":01}}}}"#),
    ] {
        let sent: String = body.chars().take(200).collect();
        let response = shop.node.api.send(shop.node.api.post(), body).await;
        require_400(&response, "BAD_REQUEST", &sent);
        shop.require_unchanged(&json!(sent)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_are_refused_by_name_at_every_depth() {
    let shop = FilledShop::start().await;
    let by_variable = "mutation($a: AccountInput!) { createAccount(account: $a) { id } }";
    let order = |line: Value| json!({ "accountId": shop.account, "products": [line] });
    let by_line = "mutation($o: OrderInput!) { createOrder(order: $o) { id } }";
    let line = json!({ "productId": shop.product, "quantity": 1, "nope": 1 });
    for (document, variables) in [
        (
            r#"mutation { createAccount(account: { name: "Eve" }) { nope } }"#,
            json!({}),
        ),
        (
            r#"mutation { createAccount(account: { name: "Eve", nope: 1 }) { id } }"#,
            json!({}),
        ),
        (
            r#"mutation { createAccount(account: { name: "Eve" }, nope: 1) { id } }"#,
            json!({}),
        ),
        (
            r#"mutation { createAccount(account: { name: "Eve" }) { id } nope }"#,
            json!({}),
        ),
        (by_variable, json!({ "a": { "name": "Eve", "nope": 1 } })),
        (by_line, json!({ "o": order(line) })),
    ] {
        let response = shop.node.api.run_with(document, variables.clone()).await;
        let message = response.error()["message"].to_string();
        assert!(message.contains("nope"), "{document}: {message}");
        assert!(response.json().get("data").is_none(), "{document}");
        shop.require_no_value(document, variables).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_deep_or_repetitive_documents_write_nothing() {
    let shop = FilledShop::start().await;
    let create = r#"createAccount(account: { name: "Eve" })"#;
    let aliases = |count: usize, field: &str| -> String {
        (0..count).map(|n| format!("a{n}: {field} ")).collect()
    };
    // A mebibyte of fragments, each spreading the next one: the deepest document without nested
    // braces.
    let spreads: String = (0..20_000)
        .map(|n| format!("fragment F{n} on Account {{ ...F{} }} ", n + 1))
        .collect();
    let spreads = spreads + "fragment F20000 on Account { id }";
    for document in [
        format!(
            "mutation {{ {create} {} {}",
            "{ orders ".repeat(1_000),
            "}".repeat(1_001)
        ),
        format!(
            "mutation {{ createAccount(account: {}{}) {{ id }} }}",
            "[".repeat(1_000),
            "]".repeat(1_000)
        ),
        format!(
            "mutation {{ {} }}",
            aliases(10_000, &format!("{create} {{ id }}"))
        ),
        format!("mutation {{ {create} {{ {} }} }}", aliases(10_000, "id")),
        format!("mutation {{ {create} {{ ...F0 }} }} {spreads}"),
        format!("mutation {{ {create} {{ id }} }} {spreads}"),
    ] {
        let sent: String = document.chars().take(100).collect();
        let response = shop.node.api.run(&document).await;
        require_400(&response, "DOCUMENT_TOO_COMPLEX", &sent);
        shop.require_unchanged(&json!(sent)).await;
    }
}

/// The body that follows the head until the node responds. A client that continues to write after a
/// refusal is cut off; only the response counts.
async fn send_until_answered(
    wire: &mut Wire,
    head: &str,
    body: impl Iterator<Item = Vec<u8>>,
) -> WireAnswer {
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: node\r\ncontent-type: application/json\r\n{head}\r\n\r\n"
    );
    wire.write(head.as_bytes()).await;
    for part in body {
        wire.write(&part).await;
    }
    wire.response()
        .await
        .expect("a response, not a closed connection")
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabyte_bodies_are_refused_sized_or_chunked() {
    let shop = FilledShop::start().await;
    let mut body = format!(r#"{{"query":"{CREATE}"}}"#).into_bytes();
    body.resize(TEN_MEGABYTES, b' ');
    let parts = || body.chunks(65_536);
    for (head, parts) in [
        (
            format!("content-length: {TEN_MEGABYTES}"),
            parts().map(<[u8]>::to_vec).collect::<Vec<_>>(),
        ),
        (
            "transfer-encoding: chunked".to_owned(),
            parts()
                .map(|part| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat())
                .collect(),
        ),
    ] {
        let mut wire = Wire::connect(shop.node.address())
            .await
            .expect("a connection");
        let response = send_until_answered(&mut wire, &head, parts.into_iter()).await;
        assert_eq!(response.status, 413, "{head}: {response:?}");
        let code = r#""code":"PAYLOAD_TOO_LARGE""#;
        assert!(response.body.contains(code), "{head}: {response:?}");
        assert!(
            response.body.contains("1048576"),
            "says the limit: {response:?}"
        );
        shop.require_unchanged(&json!(head)).await;
    }
}
