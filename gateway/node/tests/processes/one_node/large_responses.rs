//! Responses that would need more memory than a node has are refused by their actual size, alone
//! and many at once. The node stays within its promised memory, and other requests proceed.

use std::time::{Duration, Instant};

use fritzy_testbed::{NodeProcess, Workspace, skip};
use fritzy_testbed_shop::{Api, Response};
use futures_util::future::join_all;
use serde_json::{Value, json};

const MIB: u64 = 1_024 * 1_024;
/// The orders of the worst account, and the lines of each.
const ORDERS: usize = 200;
const LINES: usize = 100;
/// The longest possible description: 4 000 characters of 4 bytes each.
const DESCRIPTION_CHARS: usize = 4_000;

async fn created(api: &Api, document: &str, variables: Value) -> String {
    api.run_with(document, variables).await.text_at("/done/id")
}

/// An account with [`ORDERS`] orders of [`LINES`] lines, each of a product with the longest
/// description.
async fn worst_account(api: &Api) -> String {
    let document =
        "mutation($name: String!) { done: createAccount(account: { name: $name }) { id } }";
    let account = created(api, document, json!({ "name": "Ada" })).await;
    let document =
        "mutation($product: ProductInput!) { done: createProduct(product: $product) { id } }";
    let description = "🧵".repeat(DESCRIPTION_CHARS);
    let products = (0..LINES).map(|n| {
        let product = json!({ "name": format!("{n}"), "description": description, "price": 1 });
        created(api, document, json!({ "product": product }))
    });
    let products = join_all(products).await;
    let lines = products.iter();
    let lines: Vec<Value> = lines
        .map(|id| json!({ "productId": id, "quantity": 1 }))
        .collect();
    let document = "mutation($order: OrderInput!) { done: createOrder(order: $order) { id } }";
    let order = json!({ "order": { "accountId": account, "products": lines } });
    for _ in 0..ORDERS / 50 {
        join_all((0..50).map(|_| created(api, document, order.clone()))).await;
    }
    account
}

/// Ten times all orders of an account with the descriptions of all lines.
fn worst_document(account: &str) -> String {
    let list = |n: usize| {
        format!(
            r#"a{n}: accounts(id: "{account}") {{ orders(pagination: {{ take: 1000 }}) {{
                products {{ description }} }} }} "#
        )
    };
    format!("{{ {} }}", (0..10).map(list).collect::<String>())
}

fn code(response: &Response) -> String {
    let json = response.json();
    let code = json["errors"][0]["extensions"]["code"].as_str();
    code.unwrap_or_default().to_owned()
}

/// The peak of a process's resident memory, in bytes.
fn resident_bytes_peak(node: &NodeProcess) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1_024)
}

/// Memory that a node may use in addition to the response budget and to what it used before: 256
/// KiB of each response that are not counted, a row too many, what the allocator keeps.
const BESIDE: u64 = 96 * MIB;

#[tokio::test(flavor = "multi_thread")]
async fn largest_responses_are_refused_within_the_memory_limit() {
    let workspace = Workspace::new();
    // On a busy machine reading alone can take longer than the default.
    let mut node = workspace.node_with(&["--request-timeout-ms", "60000"]);
    let api = Api::at(node.address());
    let account = worst_account(&api).await;
    let Some(before) = resident_bytes_peak(&node) else {
        skip!("/proc does not show the memory of a process here");
    };
    let document = worst_document(&account);
    let alone = api.run(&document).await;
    assert_eq!(
        code(&alone),
        "ANSWER_TOO_LARGE",
        "{} bytes",
        alone.text.len()
    );
    assert_eq!(alone.json()["data"], Value::Null);
    let grown = resident_bytes_peak(&node).expect("readable as before") - before;
    assert!(grown < 256 * MIB + BESIDE, "one: {} MiB", grown / MIB);

    let asked = join_all((0..16).map(|_| api.run(&document))).await;
    let codes: Vec<String> = asked.iter().map(code).collect();
    let large = |code: &&String| *code == "ANSWER_TOO_LARGE";
    let overloaded = |code: &&String| *code == "OVERLOADED";
    let counts = (
        codes.iter().filter(large).count(),
        codes.iter().filter(overloaded).count(),
    );
    assert_eq!(counts.0 + counts.1, 16, "{codes:?}");
    assert!(counts.1 > 0, "{codes:?}");
    let grown = resident_bytes_peak(&node).expect("readable as before") - before;
    assert!(grown < 512 * MIB + BESIDE, "sixteen: {} MiB", grown / MIB);

    let page = format!(
        r#"{{ accounts(id: "{account}") {{ orders(pagination: {{ take: 1000 }}) {{
            id products {{ id name quantity }} }} }} }}"#
    );
    let orders = api.run(&page).await.data("/accounts/0/orders");
    let lines = orders.as_array().expect("a list").iter();
    let lines: usize = lines
        .filter_map(|order| order["products"].as_array())
        .map(Vec::len)
        .sum();
    assert_eq!(lines, ORDERS * LINES, "a page without descriptions");
}

/// All lines of the worst account, with so many fields that the response takes some seconds, and
/// nearly all of the budget of one response.
fn slow_document(account: &str) -> String {
    let fields: String = (0..40).map(|n| format!("q{n}: quantity ")).collect();
    format!(
        r#"{{ accounts(id: "{account}") {{ orders(pagination: {{ take: 180 }}) {{
            products {{ {fields} }} }} }} }}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn large_response_yields_to_others_and_keeps_its_deadline() {
    let workspace = Workspace::new();
    let serving = ["--listen", "127.0.0.1:0"];
    let in_time = ["--request-timeout-ms", "60000"];
    let mut command = workspace.command(&[&serving[..], &in_time[..]].concat());
    // With a single thread, a task that does not yield blocks all others.
    let mut node = workspace.spawn(command.env("TOKIO_WORKER_THREADS", "1"));
    let api = Api::at(node.address());
    let account = worst_account(&api).await;
    let (slow, quick) = (
        slow_document(&account),
        r"{ products(pagination: { take: 1 }) { id } }",
    );
    let large = api.run(&slow);
    tokio::pin!(large);
    let (mut turns, began) = (0, Instant::now());
    let response = loop {
        tokio::select! {
            response = &mut large => break response,
            quick = api.run(quick) => {
                quick.data("/products/0/id");
                turns += 1;
            }
        }
    };
    let took = began.elapsed();
    assert_eq!(
        response.data("/accounts/0/orders").as_array().map(Vec::len),
        Some(180)
    );
    assert!(turns >= 10, "{turns} others were answered in {took:?}");
    node.kill();

    // Less than the response takes, and enough for the node to begin it.
    let time_max = took / 4;
    let time_max_ms = time_max.as_millis().to_string();
    let mut node = workspace.node_with(&["--request-timeout-ms", &time_max_ms]);
    let api = Api::at(node.address());
    let began = Instant::now();
    let late = api.run(&slow).await;
    assert_eq!(
        code(&late),
        "DEADLINE_EXCEEDED",
        "after {:?}",
        began.elapsed()
    );
    assert!(began.elapsed() < time_max * 2 + Duration::from_millis(200));
}
