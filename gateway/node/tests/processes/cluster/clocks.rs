//! A node whose clock is an hour wrong. Liveness is judged by heartbeat counters, and durations by
//! monotonic clocks. So the node keeps its shards, failures are detected in the usual time, and no
//! response is stale (I3). Only the timestamps that the node writes are wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use fritzy_testbed::{ServiceError, Workspace, skip_unless};
use fritzy_testbed_faults::{WrongClock, WrongClockLibrary};
use fritzy_testbed_shop::Api;
use futures_util::future::join_all;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cluster::history::{History, require_all_served, require_answers};
use crate::cluster::linearizability::require_sound;
use crate::cluster::node_death::TAKEN_MAX;
use crate::cluster::nodes::{Nodes, shard_of};

const HOUR_S: i64 = 3_600;
/// Between two clocks of one machine, with a request between.
const SOON_S: i64 = 60;
/// Longer than the time until a silent node is fenced.
const LONG: Duration = Duration::from_secs(8);
/// Enough accounts that each node owns some.
const DATED: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn i3_node_with_its_clock_an_hour_ahead_works_normally() {
    let nodes = skip_unless!(Nodes::start(0).await);
    let clock = skip_unless!(wrong_clock(&nodes.workspace));
    a_clock_is_off(nodes, &clock, "n3", HOUR_S).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_node_with_its_clock_an_hour_behind_works_normally() {
    let nodes = skip_unless!(Nodes::start(0).await);
    let clock = skip_unless!(wrong_clock(&nodes.workspace));
    a_clock_is_off(nodes, &clock, "n1", -HOUR_S).await;
}

#[expect(clippy::print_stdout, reason = "a report of the test")]
async fn a_clock_is_off(mut nodes: Nodes, clock: &WrongClock, wrong: &str, off_by_s: i64) {
    clock.set_ahead_s(off_by_s).expect("a file");
    for name in ["n1", "n2", "n3"] {
        let mut node = nodes.spawn_changed(name, |command| {
            if name == wrong {
                clock.apply_to(command);
            }
        });
        node.api = Api::at(node.process.address());
        nodes.nodes.push(node);
    }
    nodes.wait_settled().await;
    require_dates(&nodes, wrong, off_by_s).await;

    let before = nodes.ownership().await;
    let mut own = Vec::new();
    for node in &nodes.nodes {
        own.push((&node.api, nodes.shards_of(&node.name).await));
    }
    let history = History::start(&nodes.apis()).await;
    let served = own
        .iter()
        .map(|(api, own)| require_answers(api, &history.accounts, own, LONG));
    let served = join_all(served).await;
    assert_eq!(nodes.ownership().await, before, "no node is fenced");

    // It detects the death of another node, and its own death is detected, in the usual time.
    let other = if wrong == "n2" { "n3" } else { "n2" };
    let mut taken = Vec::new();
    for name in [other, wrong] {
        let run = nodes.id_of(name).await.expect("a running node");
        nodes.kill(name);
        taken.push((name, nodes.wait_taken_over(run).await));
        require_all_served(&nodes, &history).await;
    }
    println!("{served:?} reads of their own shards; taken: {taken:?}");
    let is_usual = taken.iter().all(|(_, after)| *after < TAKEN_MAX);
    assert!(is_usual, "{taken:?}");
    history.wait_requests().await;
    require_sound(history, nodes).await;
}

/// A clock for one node.
fn wrong_clock(workspace: &Workspace) -> Result<WrongClock, ServiceError> {
    let library = WrongClockLibrary::compile(&workspace.current())?;
    WrongClock::new(&library, workspace.outside("clock"))
}

/// Requires wrong timestamps on exactly what the node with the wrong clock owns, and complete lists
/// in spite of that.
async fn require_dates(nodes: &Nodes, wrong: &str, off_by_s: i64) {
    let of_wrong = nodes.shards_of(wrong).await;
    let mut made = BTreeSet::new();
    let mut off = 0;
    for (number, node) in (0..DATED).zip(nodes.nodes.iter().cycle()) {
        let create =
            "mutation($name: String!) { createAccount(account: { name: $name }) { id createdAt } }";
        let name = json!({ "name": format!("dated {number}") });
        let created = node.api.run_with(create, name).await;
        let (id, at) = (
            created.text_at("/createAccount/id"),
            created.text_at("/createAccount/createdAt"),
        );
        let at = OffsetDateTime::parse(&at, &Rfc3339).expect("a timestamp");
        let is_wrong = of_wrong.contains(&shard_of(&id));
        let expected = if is_wrong { off_by_s } else { 0 };
        let ahead_s = (at - OffsetDateTime::now_utc()).whole_seconds();
        let is_dated = (ahead_s - expected).abs() < SOON_S;
        assert!(is_dated, "{id} is dated {ahead_s} s ahead, not {expected}");
        off += usize::from(is_wrong);
        made.insert(id);
    }
    assert!((1..DATED).contains(&off), "{off} are off");
    for node in &nodes.nodes {
        let listed = all_pages(&node.api).await;
        assert_eq!(listed.len(), DATED, "none is shown twice");
        assert_eq!(BTreeSet::from_iter(listed), made);
    }
}

/// The ids of all accounts, page by page.
async fn all_pages(api: &Api) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = "query($after: String) { accountsConnection(first: 5, after: $after) {
            nodes { id } pageInfo { hasNextPage endCursor } } }";
        let page = api.run_with(page, json!({ "after": after })).await;
        let page = page.data("/accountsConnection");
        let nodes = page["nodes"].as_array().expect("a list");
        ids.extend(
            nodes
                .iter()
                .map(|node| node["id"].to_string().replace('"', "")),
        );
        if page["pageInfo"]["hasNextPage"] != true {
            return ids;
        }
        after = page["pageInfo"]["endCursor"]
            .as_str()
            .map(ToOwned::to_owned);
    }
}
