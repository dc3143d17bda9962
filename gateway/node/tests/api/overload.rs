//! Overload is refused at once: too many requests, too complex documents. And the metrics count it.

use futures_util::future::join_all;
use hyper::{Method, StatusCode};
use serde_json::Value;

use crate::node::TestNode;

#[tokio::test(flavor = "multi_thread")]
async fn requests_over_the_limit_are_refused_with_retry_hint() {
    let node = TestNode::start_with(|settings| {
        settings.requests_max = 2;
        settings.front.queue_ms_max = 0;
    })
    .await;
    let document = r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#;
    let responses = join_all((0..200).map(|_| node.api.run(document))).await;
    let (answered, refused): (Vec<_>, Vec<_>) = responses
        .into_iter()
        .partition(|response| response.status == StatusCode::OK);
    assert!(
        !answered.is_empty() && !refused.is_empty(),
        "{} answered",
        answered.len()
    );
    for response in &refused {
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.code(), "OVERLOADED");
        assert_eq!(response.headers["retry-after"], "1");
        let extensions = &response.error()["extensions"];
        assert_eq!(extensions["retryable"], true);
        assert!(
            extensions["retryAfterMs"]
                .as_u64()
                .is_some_and(|hint| hint > 0)
        );
    }
    let accounts = node
        .api
        .run("{ accounts(pagination: { take: 1000 }) { id } }")
        .await;
    let written = accounts.data("/accounts").as_array().map_or(0, Vec::len);
    assert_eq!(written, answered.len(), "what was refused was not written");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_over_the_limit_wait_for_a_place() {
    let node = TestNode::start_with(|settings| {
        settings.requests_max = 2;
        settings.front.queue_ms_max = 60_000;
    })
    .await;
    let document = r#"mutation { createAccount(account: { name: "Ada" }) { id } }"#;
    let responses = join_all((0..200).map(|_| node.api.run(document))).await;
    for response in responses {
        assert!(response.data("/createAccount/id").is_string());
    }
    let scrape = node.api.request(Method::GET, "/metrics");
    let text = node.api.send(scrape, "").await.text;
    assert!(text.contains("fritzy_queued_requests 0\n"), "{text}");
    let waits = text
        .lines()
        .find_map(|line| line.strip_prefix("fritzy_queue_wait_seconds_count "))
        .and_then(|count| count.parse::<u32>().ok());
    assert!(waits.is_some_and(|waits| waits > 0), "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_complex_documents_are_refused_cheaply() {
    let node = TestNode::start().await;
    let nested = |depth: usize| {
        format!(
            "{{ accounts(id: {}{}) {{ id }} }}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let bomb: String = (0..26)
        .map(|n| format!("fragment F{n} on Query {{ ...F{} ...F{} }} ", n + 1, n + 1))
        .collect();
    let bomb = format!("{{ ...F0 }} {bomb} fragment F26 on Query {{ accounts {{ id }} }}");
    let aliases: String = (0..10_000)
        .map(|n| format!("a{n}: accounts {{ id }} "))
        .collect();
    for document in [
        nested(100),
        nested(2_000),
        nested(7_000),
        nested(100_000),
        bomb,
        format!("{{ {aliases} }}"),
    ] {
        let response = node.api.run(&document).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
        assert_eq!(response.code(), "DOCUMENT_TOO_COMPLEX");
    }
    let deep = "{ accounts ".repeat(40) + &"}".repeat(40);
    assert_eq!(
        node.api.run(&deep).await.code(),
        "GRAPHQL_VALIDATION_FAILED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn document_as_deep_as_allowed_is_executed() {
    const DEEPEST: usize = 62;
    let node = TestNode::start().await;
    let deep = |levels: usize| {
        let (open, close) = ("ofType { ".repeat(levels), "} ".repeat(levels));
        format!("{{ __type(name: \"Account\") {{ {open} name {close} }} }}")
    };
    let response = node.api.run(&deep(DEEPEST)).await;
    assert_eq!(response.data("/__type/ofType"), Value::Null);
    let response = node.api.run(&deep(DEEPEST + 1)).await;
    assert_eq!(response.code(), "DOCUMENT_TOO_COMPLEX");
}

#[tokio::test(flavor = "multi_thread")]
async fn document_with_many_errors_reports_the_first_ones() {
    let node = TestNode::start().await;
    let fields: String = (0..3_900).map(|n| format!("a{n} ")).collect();
    let response = node
        .api
        .run(&format!("{{ accounts {{ {fields} }} }}"))
        .await;
    let json = response.json();
    let errors = json["errors"].as_array().map(Vec::len);
    assert_eq!(errors, Some(100), "{} bytes", response.text.len());
    assert!(response.text.contains("GRAPHQL_VALIDATION_FAILED"));
}

/// An error for each word, and a long name in each error: gigabytes from a body of a megabyte.
#[tokio::test(flavor = "multi_thread")]
async fn documents_with_memory_filling_errors_are_refused_unparsed() {
    let node = TestNode::start().await;
    let long = "q".repeat(400_000);
    let variables: String = (0..45_000).map(|n| format!("$a{n}:Int ")).collect();
    for document in [
        format!("query {long}({variables}){{ __typename }}"),
        format!("query({}){{ __typename }}", "$a:B ".repeat(200_000)),
        format!("{{ accounts({}) {{ id }} }}", "a:1 ".repeat(250_000)),
        format!("{{ accounts({}) {{ id }} }}", "a:$a ".repeat(200_000)),
        format!("{{ {long} }}"),
        format!("query {long} {{ accounts {{ id }} }}"),
    ] {
        let began = std::time::Instant::now();
        let response = node.api.run(&document).await;
        assert_eq!(response.code(), "DOCUMENT_TOO_COMPLEX");
        assert!(response.text.len() < 1_000, "{} bytes", response.text.len());
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }
    let body = serde_json::json!({ "query": "query A { __typename }", "operationName": long });
    let response = node.api.send(node.api.post(), body.to_string()).await;
    assert_eq!(response.code(), "BAD_REQUEST");
    assert!(response.text.len() < 1_000, "{} bytes", response.text.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn possibly_too_large_responses_are_refused_before_reading() {
    let node = TestNode::start().await;
    let nested = |accounts: u32, orders: &str| {
        format!(
            "{{ accounts(pagination: {{ take: {accounts} }}) {{
                id orders{orders} {{ id products {{ name quantity }} }}
            }} }}"
        )
    };
    for document in [
        nested(1_000, ""),
        nested(1_000, "(pagination: { take: 100 })"),
        nested(100, "(pagination: { take: 1000 })"),
    ] {
        let response = node.api.run(&document).await;
        assert_eq!(response.data("/accounts"), serde_json::json!([]));
    }
    let wide: String = (0..200)
        .map(|n| format!("a{n}: accounts {{ orders {{ id }} }} "))
        .collect();
    for (document, field) in [
        (nested(1_000, "(pagination: { take: 101 })"), "orders"),
        (format!("{{ {wide} }}"), "orders"),
        (
            "{ accountsConnection(first: 1000) { nodes {
                ordersConnection(last: 1000) { nodes { id } } } } }"
                .into(),
            "ordersConnection",
        ),
    ] {
        let response = node.api.run(&document).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
        assert_eq!(response.code(), "DOCUMENT_TOO_COMPLEX");
        let message = response.error()["message"].to_string();
        assert!(message.contains(field), "names the field: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_responses() {
    let node = TestNode::start().await;
    let id = node.api.new_account("Ada").await;
    node.api
        .run(&format!(r#"{{ accounts(id: "{id}") {{ name }} }}"#))
        .await;
    node.api.run(r#"{ products(query: "x") { id } }"#).await;
    node.api.run("{ nope }").await;
    let scrape = node.api.request(Method::GET, "/metrics");
    let text = node.api.send(scrape, "").await.text;
    for line in [
        r#"fritzy_requests_total{operation="createAccount"} 1"#,
        r#"fritzy_requests_total{operation="accounts"} 1"#,
        r#"fritzy_requests_total{operation="other"} 1"#,
        r#"fritzy_errors_total{code="SEARCH_UNAVAILABLE"} 1"#,
        r#"fritzy_errors_total{code="GRAPHQL_VALIDATION_FAILED"} 1"#,
        r#"fritzy_request_duration_seconds_count{operation="createAccount"} 1"#,
        "fritzy_commit_appends_count 1",
        "fritzy_commit_duration_seconds_count 1",
        "fritzy_commit_queue_appends 0",
        "fritzy_entities_resident 1",
        "fritzy_entities_passivated_total 0",
        "fritzy_entity_crashes_total 0",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}
