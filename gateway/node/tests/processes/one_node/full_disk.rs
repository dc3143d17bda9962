//! A disk that is really full: writes are refused and reads work. Once there is space, writes work
//! again without a restart (I1).

use std::fs;
use std::time::Instant;

use fritzy_testbed::{NODE_TIME_MAX, Workspace, skip};
use fritzy_testbed_shop::{Api, Load, Response, SentRequests, all_accounts};
use hyper::Method;
use serde_json::{Value, json};

use super::metric::metric;
use super::small_disk::SmallDisk;

/// Acknowledged accounts before the disk is filled.
const ACKNOWLEDGED: usize = 200;
/// The log may contain free space when the disk has none: 4 MiB at most, of which each write takes
/// a few KiB.
const WRITES_UNTIL_REFUSED_MAX: usize = 20_000;

async fn create_product(api: &Api, name: &str) -> Response {
    let document = "mutation($name: String!) {
        createProduct(product: { name: $name, description: \"\", price: 1 }) { id }
    }";
    api.run_with(document, json!({ "name": name })).await
}

fn is_refused(response: &Response) -> bool {
    response.json().get("errors").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn i1_full_disk_refuses_only_writes_until_space_is_free() {
    let workspace = Workspace::new();
    let folder = workspace.outside("small");
    fs::create_dir(&folder).expect("a folder");
    let disk = match SmallDisk::mount(&folder) {
        Ok(disk) => disk,
        Err(reason) => skip!(reason),
    };
    let mut node = disk.node(&workspace);
    let api = Api::at(node.address());
    let known = create_product(&api, "known")
        .await
        .text_at("/createProduct/id");
    let mut sent = SentRequests::default();
    let mut load = Load::start(&api, "disk");
    load.wait_acknowledged(ACKNOWLEDGED).await;
    assert!(metric(&api, "fritzy_commit_failures_total").await < 1.0);

    disk.fill();
    let mut kept = vec![json!({ "id": known })];
    let mut refused = None;
    for n in 0..WRITES_UNTIL_REFUSED_MAX {
        let response = create_product(&api, &format!("filling {n}")).await;
        if is_refused(&response) {
            refused = Some(response.json());
            break;
        }
        kept.push(json!({ "id": response.text_at("/createProduct/id") }));
    }
    let refused = refused.expect("a full disk takes no more");
    let extensions = &refused["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "UNAVAILABLE", "{refused}");
    assert_eq!(extensions["retryable"], true, "{refused}");
    assert!(extensions["retryAfterMs"].is_number(), "{refused}");
    assert!(metric(&api, "fritzy_commit_failures_total").await >= 1.0);

    // Reads work, from memory and from the file, so the node stays ready.
    let document = "query($id: String) { products(id: $id) { id } }";
    let read = api.run_with(document, json!({ "id": known })).await;
    assert_eq!(read.data("/products"), json!([{ "id": known }]));
    assert!(all_accounts(&api).await.len() >= ACKNOWLEDGED);
    let ready = api.request(Method::GET, "/healthz/ready");
    assert_eq!(api.send(ready, "").await.status, 200);

    disk.free();
    let deadline = Instant::now() + NODE_TIME_MAX;
    loop {
        let response = create_product(&api, "again").await;
        if !is_refused(&response) {
            kept.push(json!({ "id": response.text_at("/createProduct/id") }));
            break;
        }
        assert!(
            Instant::now() < deadline,
            "there is room, and still: {response:?} {}",
            node.log()
        );
    }
    for n in 0..ACKNOWLEDGED {
        let created = create_product(&api, &format!("after {n}")).await;
        kept.push(json!({ "id": created.text_at("/createProduct/id") }));
    }
    node.kill();
    load.collect(&mut sent).await;

    let mut node = disk.node(&workspace);
    let api = Api::at(node.address());
    sent.require_kept(&api).await;
    let mut listed: Vec<Value> = Vec::new();
    loop {
        let document =
            "query($skip: Int) { products(pagination: { skip: $skip, take: 1000 }) { id } }";
        let page = api
            .run_with(document, json!({ "skip": listed.len() }))
            .await;
        match page.data("/products").as_array() {
            Some(page) if !page.is_empty() => listed.extend(page.iter().cloned()),
            _ => break,
        }
    }
    assert_eq!(
        listed, kept,
        "I1: what was acknowledged, once, in its order"
    );
    node.kill();
}
