//! Journals that contradict what clients were told.

use std::collections::BTreeMap;

use fritzy_domain::{
    AccountCreated, AccountEvent, AccountId, AccountPersonal, AccountRenamed, CommandId, EntityId,
    Event, EventId, GenerationStart, Metadata, RecordedEvent,
};
use fritzy_types::{ShardCount, ShardId, Timestamp};
use uuid::Uuid;

use super::builder::{ACCOUNT, Plan, assert_violated, seen, unknown};
use crate::check::{Finding, Journal, Loss, Losses, check_journal};
use crate::observation::Outcome;

/// One shard for everything.
fn one_shard() -> ShardCount {
    ShardCount::new(1).expect("in range")
}

/// The id of the event that made this version.
pub(super) fn event_id(version: u64) -> EventId {
    EventId::from_uuid(Uuid::from_u128(u128::from(version)))
}

/// The journal of the account, which had these names.
pub(super) fn journal(names: &[&str]) -> Journal {
    let id = AccountId::from_uuid(Uuid::parse_str(ACCOUNT).expect("an id"));
    let (account_id, at) = (id, Timestamp::from_micros(0));
    let events = (1..).zip(names).map(|(version, name)| {
        let personal = AccountPersonal {
            name: (*name).to_owned(),
        };
        let event = match version {
            1 => AccountEvent::Created(AccountCreated {
                account_id,
                personal,
                external_reference: None,
                metadata: Metadata::default(),
                at,
            }),
            _ => AccountEvent::Renamed(AccountRenamed {
                account_id,
                personal,
                at,
            }),
        };
        RecordedEvent {
            shard: ShardId(0),
            position: version,
            entity: EntityId::Account(id),
            version,
            event_id: event_id(version),
            command: CommandId::from_uuid(Uuid::from_u128(u128::from(version))),
            fingerprint: None,
            event: Event::Account(event),
        }
    });
    BTreeMap::from([(EntityId::Account(id), events.collect())])
}

fn check(plan: &Plan, names: &[&str]) -> Vec<Finding> {
    check_journal(
        &plan.attempts,
        &journal(names),
        &Losses::default(),
        one_shard(),
    )
}

#[test]
fn journal_of_all_acknowledged_changes_is_right() {
    let plan = Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .keyed((30, 40), "c", unknown())
        .keyed((50, 60), "c", seen(3, "c"))
        .again()
        .rename((70, 80), "d", unknown())
        .rename((90, 95), "e", Outcome::NotDone("UNAVAILABLE".to_owned()));
    assert_eq!(check(&plan, &["a", "b", "c"]), []);
    assert_eq!(check(&plan, &["a", "b", "c", "d"]), []);
}

#[test]
fn i1_acknowledged_change_that_is_missing_is_found() {
    let plan = Plan::new().rename((10, 20), "b", seen(2, "b"));
    assert_violated(&check(&plan, &["a"]), "I1: an acknowledged change is lost");
    // It is there, at another version than the response said.
    let moved = Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .rename((10, 20), "c", unknown());
    assert_violated(
        &check(&moved, &["a", "c", "b"]),
        "I1: an acknowledged change is lost",
    );
}

#[test]
fn i8_change_that_is_there_twice_is_found() {
    let plan = Plan::new()
        .keyed((10, 20), "b", unknown())
        .keyed((30, 40), "b", seen(2, "b"))
        .again();
    assert_violated(
        &check(&plan, &["a", "b", "b"]),
        "I8: a request had two effects",
    );
}

#[test]
fn i8_change_that_was_refused_or_never_requested_is_found() {
    for outcome in [
        Outcome::NotDone("UNAVAILABLE".to_owned()),
        Outcome::VersionMismatch,
    ] {
        let plan = Plan::new().rename((10, 20), "b", outcome);
        let findings = check(&plan, &["a", "b"]);
        let Some(Finding::Violation(what)) = findings.first() else {
            panic!("{findings:?}");
        };
        assert!(what.contains("I8: a refused request was done"), "{what}");
    }
    assert_violated(
        &check(&Plan::new(), &["a", "b"]),
        "I8: nobody has requested",
    );
}

/// The journal keeps version 2; the system names `lost` as the last position that is lost.
fn check_lost(plan: &Plan, names: &[&str], lost: u64) -> Vec<Finding> {
    let start = GenerationStart { kept: 2, lost };
    let losses = Losses(Some(Loss {
        shards: BTreeMap::from([(ShardId(0), start)]),
        possible_from_us: 100,
        seen_from_us: 200,
        seen_until_us: 300,
    }));
    check_journal(&plan.attempts, &journal(names), &losses, one_shard())
}

#[test]
fn i1_only_named_losses_are_accepted() {
    let plan = Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .rename((110, 120), "c", seen(3, "c"))
        .rename((130, 140), "d", seen(4, "d"))
        .rename((310, 320), "e", seen(3, "e"));
    assert_eq!(check_lost(&plan, &["a", "b", "e"], 4), []);
    assert_violated(
        &check_lost(&plan, &["a", "b", "e"], 3),
        "1 events are named as lost",
    );
    // What was acknowledged after the loss is there.
    let findings = check_lost(&plan, &["a", "b"], 4);
    assert_violated(&findings, "I1: an acknowledged change is lost");
    // What was acknowledged before the standby stopped following cannot be lost.
    let early = Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .rename((50, 90), "c", seen(3, "c"));
    let findings = check_lost(&early, &["a", "b"], 3);
    assert_violated(&findings, "I1: an acknowledged change is lost");
}
