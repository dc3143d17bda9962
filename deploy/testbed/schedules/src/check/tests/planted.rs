//! Histories with planted faults, and their neighbours without.

use std::time::Duration;

use super::builder::{ACCOUNT, Plan, assert_violated, change_to, loss, seen, unknown};
use crate::check::{Finding, Losses, check_linearizability};
use crate::observation::{Change, Outcome, Quote, Request};

#[test]
fn history_in_order_is_linearizable() {
    let plan = Plan::new()
        .read((10, 20), 1, "a")
        .rename((30, 40), "b", seen(2, "b"))
        .read((50, 60), 2, "b");
    assert_eq!(plan.check(), []);
}

#[test]
fn i3_stale_read_is_found() {
    let fresh = Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .read((15, 30), 1, "a");
    assert_eq!(fresh.check(), [], "they are concurrent");
    let stale = Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .read((21, 30), 1, "a");
    stale.require_violated("not linearizable");
}

#[test]
fn i3_read_that_goes_back_is_found() {
    let plan = Plan::new()
        .rename((10, 100), "b", seen(2, "b"))
        .read((20, 30), 2, "b")
        .read((40, 50), 1, "a");
    plan.require_violated("not linearizable");
}

#[test]
fn i1_lost_update_is_found() {
    // Both are acknowledged as the second version: one has overwritten the other.
    let plan = Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .rename((15, 25), "c", seen(2, "c"));
    plan.require_violated("not linearizable");
    // Acknowledged, and never seen again.
    let plan = Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .rename((30, 40), "c", seen(2, "c"));
    plan.require_violated("not linearizable");
}

#[test]
fn i8_double_effect_of_a_key_is_found() {
    let once = Plan::new()
        .keyed((10, 20), "b", unknown())
        .keyed((30, 40), "b", seen(2, "b"))
        .again()
        .read((50, 60), 2, "b");
    assert_eq!(once.check(), []);
    let twice = Plan::new()
        .keyed((10, 20), "b", seen(2, "b"))
        .keyed((30, 40), "b", seen(3, "b"))
        .again();
    twice.require_violated("not linearizable");
    // The first attempt has had its effect, as others have seen, and the second one has another.
    let twice = Plan::new()
        .keyed((10, 20), "b", unknown())
        .read((25, 28), 2, "b")
        .keyed((30, 40), "b", seen(3, "b"))
        .again();
    twice.require_violated("not linearizable");
}

#[test]
fn unknown_operation_may_take_effect_late_or_never() {
    let late = Plan::new()
        .rename((10, 20), "b", unknown())
        .read((30, 40), 1, "a")
        .rename((50, 60), "c", seen(2, "c"))
        .read((70, 80), 3, "b");
    assert_eq!(late.check(), [], "long after its client gave up");
    let never = Plan::new()
        .rename((10, 20), "b", unknown())
        .rename((50, 60), "c", seen(2, "c"))
        .read((70, 80), 2, "c");
    assert_eq!(never.check(), []);
    let twice = Plan::new()
        .rename((10, 20), "b", unknown())
        .read((30, 40), 2, "b")
        .rename((50, 60), "c", seen(3, "c"))
        .read((70, 80), 4, "b");
    twice.require_violated("not linearizable");
    let before = Plan::new()
        .read((1, 5), 2, "b")
        .rename((10, 20), "b", unknown());
    before.require_violated("not linearizable");
}

#[test]
fn many_unknown_operations_are_checked_in_time() {
    let mut plan = Plan::new();
    for number in 0..60 {
        let name = format!("never {number}");
        plan = plan.rename((10 + number, 20), &name, unknown());
    }
    for version in 2..200 {
        let (at, name) = (version * 100, format!("name {version}"));
        plan = plan
            .rename((at, at + 10), &name, seen(version, &name))
            .read((at + 20, at + 30), version, &name);
    }
    assert_eq!(plan.check(), []);
    plan.read((99_000, 99_100), 7, "name 7")
        .require_violated("not linearizable");
}

#[test]
fn refusals_are_facts_about_the_entity() {
    let right = Plan::new().rename((10, 20), "b", seen(2, "b")).expecting(
        (30, 40),
        "c",
        1,
        Outcome::VersionMismatch,
    );
    assert_eq!(right.check(), []);
    let wrong = Plan::new().rename((10, 20), "b", seen(2, "b")).expecting(
        (30, 40),
        "c",
        2,
        Outcome::VersionMismatch,
    );
    wrong.require_violated("not linearizable");
    let gone = Plan::new().attempt((10, 20), Request::Read, Outcome::NotFound);
    gone.require_violated("not linearizable");
    let made = Plan::new().expecting((10, 20), "b", 7, seen(2, "b"));
    made.require_violated("not linearizable");
}

#[test]
fn history_read_without_a_change_is_found() {
    let created = Change::Created {
        name: "a".to_owned(),
        price: 0,
    };
    let renamed = Change::Renamed("b".to_owned());
    let read = |changes: &[Change]| {
        Plan::new().rename((10, 20), "b", seen(2, "b")).attempt(
            (30, 40),
            Request::ReadHistory,
            Outcome::SeenHistory(changes.to_vec()),
        )
    };
    assert_eq!(read(&[created.clone(), renamed]).check(), []);
    read(&[created]).require_violated("not linearizable");
}

#[test]
fn i4_order_at_a_stale_price_is_found() {
    let product = "01a2050f-788b-74eb-b9c4-8eee8aacc82c";
    let placed_at = |price: u64| {
        let view = |version, price| {
            let mut view = super::builder::account(version, "lamp");
            view.price = price;
            Outcome::Seen(view)
        };
        let created = Change::Created {
            name: "lamp".to_owned(),
            price: 1,
        };
        let plan = Plan {
            attempts: Vec::new(),
        };
        let mut plan = plan
            .attempt((0, 0), change_to(created, None, None), view(1, 1))
            .attempt(
                (10, 20),
                change_to(Change::Repriced(2), None, None),
                view(2, 2),
            );
        for attempt in &mut plan.attempts {
            attempt.entity = Some(product.to_owned());
        }
        let mut order = super::builder::account(1, "");
        "CREATED".clone_into(&mut order.status);
        let placing = change_to(Change::Placed(9), Some("key"), None);
        let mut plan = plan.attempt((30, 40), placing, Outcome::Seen(order));
        plan.attempts[2].quote = Some(Quote {
            product: product.to_owned(),
            name: "lamp".to_owned(),
            price,
        });
        plan
    };
    assert_eq!(placed_at(2).check(), []);
    placed_at(1).require_violated(product);
}

#[test]
fn spent_budget_counts_as_not_checked() {
    let plan = Plan::new().read((10, 20), 1, "a");
    let findings =
        check_linearizability(&plan.attempts, &Losses::default(), |_| None, Duration::ZERO);
    assert!(
        matches!(&*findings, [Finding::NotChecked(what)] if what.contains(ACCOUNT)),
        "{findings:?}"
    );
}

/// Version 3 was acknowledged and lost.
fn lossy() -> Plan {
    Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .rename((110, 120), "c", seen(3, "c"))
        .read((130, 140), 3, "c")
}

#[test]
fn i1_named_loss_explains_only_what_it_names() {
    let plan = lossy()
        .read((310, 320), 2, "b")
        .rename((330, 340), "d", seen(3, "d"));
    assert_eq!(plan.check_with(&loss(), Some(2)), []);
    plan.require_violated("not linearizable");
    // More is gone than was named.
    let more = lossy().read((310, 320), 1, "a");
    assert_violated(&more.check_with(&loss(), Some(2)), "not linearizable");
    // The kept version is served, and what was lost is not.
    let served = lossy().read((310, 320), 3, "c");
    assert_violated(&served.check_with(&loss(), Some(2)), "not linearizable");
    // Before the promotion, nothing can be lost.
    let early = lossy().read((150, 160), 2, "b");
    assert_violated(&early.check_with(&loss(), Some(2)), "not linearizable");
    // Lost only once: what is acknowledged on the new line stays.
    let again = lossy()
        .rename((330, 340), "d", seen(3, "d"))
        .read((350, 360), 2, "b");
    assert_violated(&again.check_with(&loss(), Some(2)), "not linearizable");
    // What was lost is served from memory for a while, but nothing else that is old.
    let both = lossy().read((210, 220), 2, "b").read((230, 240), 3, "c");
    assert_eq!(both.check_with(&loss(), Some(2)), []);
    let older = lossy().read((210, 220), 2, "b").read((230, 240), 1, "a");
    assert_violated(&older.check_with(&loss(), Some(2)), "not linearizable");
    // Nothing is written behind it.
    let written = lossy()
        .rename((210, 220), "d", seen(3, "d"))
        .rename((230, 240), "e", seen(4, "e"))
        .read((250, 260), 3, "c")
        .rename((270, 280), "f", seen(4, "f"));
    assert_violated(&written.check_with(&loss(), Some(2)), "not linearizable");
    // And not for long.
    let late = lossy().read((210, 220), 2, "b").read((301, 310), 3, "c");
    assert_violated(&late.check_with(&loss(), Some(2)), "not linearizable");
}

#[test]
fn repeated_request_may_be_done_again_after_its_loss() {
    let plan = Plan::new()
        .rename((10, 20), "b", seen(2, "b"))
        .keyed((110, 120), "c", unknown())
        .read((130, 140), 3, "c")
        .keyed((310, 320), "c", seen(3, "c"));
    assert_eq!(plan.check_with(&loss(), Some(2)), []);
}
