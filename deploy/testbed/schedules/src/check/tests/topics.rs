//! Topics that contradict the journal.

use std::collections::{BTreeSet, HashMap};

use fritzy_testbed_shop::kafka::ConsumedMessage;
use serde_json::json;

use super::builder::{ACCOUNT, assert_violated, loss};
use super::journals::{event_id, journal};
use crate::check::{Finding, Losses, check_kafka};

const TOPIC: &str = "account.events";

/// The message of a version of the account, which is at the same position in shard 0.
fn message(generation: u64, version: u64, id: &str) -> ConsumedMessage {
    let headers = [
        ("ce_type", "account.renamed".to_owned()),
        ("ce_id", id.to_owned()),
        ("ce_generation", generation.to_string()),
        ("ce_shard", "0".to_owned()),
        ("ce_position", version.to_string()),
        ("ce_entityversion", version.to_string()),
    ];
    ConsumedMessage {
        topic: TOPIC.to_owned(),
        partition: Some(0),
        headers: HashMap::from(headers.map(|(name, value)| (name.to_owned(), value))),
        key: ACCOUNT.to_owned(),
        payload: json!({}),
    }
}

fn published(generation: u64, version: u64) -> ConsumedMessage {
    message(generation, version, &event_id(version).to_string())
}

fn marker(kept: u64) -> ConsumedMessage {
    let headers = HashMap::from([("ce_type".to_owned(), "database.generation".to_owned())]);
    ConsumedMessage {
        topic: TOPIC.to_owned(),
        partition: Some(0),
        headers,
        key: String::new(),
        payload: json!({ "generation": 2, "shards": { "0": kept } }),
    }
}

fn check(messages: &[ConsumedMessage], losses: &Losses) -> Vec<Finding> {
    let partitions = BTreeSet::from([(TOPIC.to_owned(), 0)]);
    check_kafka(messages, &journal(&["a", "b", "c"]), losses, &partitions)
}

#[test]
fn topics_with_repeats_are_right() {
    let messages = [1, 2, 1, 2, 3].map(|version| published(1, version));
    assert_eq!(check(&messages, &Losses::default()), []);
}

#[test]
fn i6_missing_event_is_found() {
    let messages = [1, 3].map(|version| published(1, version));
    assert_violated(&check(&messages, &Losses::default()), "not published");
}

#[test]
fn i6_event_out_of_order_is_found() {
    let messages = [1, 3, 2].map(|version| published(1, version));
    assert_violated(&check(&messages, &Losses::default()), "version 2 after");
}

#[test]
fn i6_event_that_never_happened_is_found() {
    let ghost = message(1, 4, "0192d3a0-1111-7222-8333-444455556666");
    let messages = [published(1, 1), published(1, 2), published(1, 3), ghost];
    assert_violated(&check(&messages, &Losses::default()), "never happened");
    // It has the id of an event, and the place of another.
    let moved = message(1, 4, &event_id(3).to_string());
    let messages = [published(1, 1), published(1, 2), moved];
    assert_violated(&check(&messages, &Losses::default()), "ce_position");
}

#[test]
fn i6_only_what_the_marker_names_may_be_lost() {
    let lost = || message(1, 3, "0192d3a0-1111-7222-8333-444455556666");
    let kept = || [published(1, 1), published(1, 2), lost()];
    let right = [&kept()[..], &[marker(2), published(2, 3), lost()]].concat();
    assert_eq!(check(&right, &loss()), []);
    let unmarked = [&kept()[..], &[published(2, 3)]].concat();
    assert_violated(&check(&unmarked, &loss()), "has no marker");
    let wrong = [&kept()[..], &[marker(1), published(2, 3)]].concat();
    assert_violated(&check(&wrong, &loss()), "a wrong marker");
    // It would be before the kept position.
    let ghost = message(1, 2, "0192d3a0-1111-7222-8333-444455556666");
    let messages = [&kept()[..], &[marker(2), published(2, 3), ghost]].concat();
    assert_violated(&check(&messages, &loss()), "never happened");
    let unexplained = [&kept()[..], &[marker(2), published(1, 3)]].concat();
    assert!(!check(&unexplained, &Losses::default()).is_empty());
}
