//! The projection runner on stores in memory: every event once at least, in order, through all that can go wrong.

mod ledger;
mod moving;
mod shop;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use fritzy_projections::Begin;
use fritzy_types::ShardId;

use ledger::{Ledger, Log};
use shop::{SHARDS, TestShop, eventually};

#[tokio::test(start_paused = true)]
async fn what_is_committed_is_taken_once_and_in_order_and_the_cursors_follow() {
    let shop = TestShop::new().await;
    shop.accounts(0..50).await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(50..200).await;
    eventually(|| log.len() == 200).await;
    running.stop().await;
    log.require_each_once_in_order();
    assert_eq!(shop.saved().await, shop.heads().await);
    // The next one goes on behind what was done.
    shop.accounts(200..220).await;
    let running = shop.project(&log, Begin::Start).await;
    eventually(|| log.len() == 220).await;
    running.stop().await;
    log.require_each_once_in_order();
}

#[tokio::test(start_paused = true)]
async fn one_that_begins_now_never_tells_what_was_before() {
    let shop = TestShop::new().await;
    shop.accounts(0..50).await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Now).await;
    eventually(|| {
        running
            .status()
            .next()
            .is_some_and(|(_, status)| status.lag_events == 0)
    })
    .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    running.stop().await;
    // Not even what came while nothing ran is left out, nor what was before told later.
    shop.accounts(50..60).await;
    let running = shop.project(&log, Begin::Now).await;
    shop.accounts(60..70).await;
    eventually(|| log.len() == 20).await;
    running.stop().await;
    assert_eq!(shop.saved().await, shop.heads().await);
}

#[tokio::test(start_paused = true)]
async fn now_is_when_it_was_set_and_not_when_its_world_answers() {
    let shop = TestShop::new().await;
    shop.accounts(0..20).await;
    let log = Log::default();
    log.is_away.store(true, SeqCst);
    let running = shop.project(&log, Begin::Now).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    shop.accounts(20..50).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    // How far it is behind is told meanwhile.
    let (_, status) = running.status().next().expect("there is one");
    assert_eq!((status.lag_events, log.len()), (30, 0));
    log.is_away.store(false, SeqCst);
    eventually(|| log.len() == 30).await;
    running.stop().await;
    assert_eq!(log.distinct(), 30);
    assert_eq!(shop.saved().await, shop.heads().await);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_done_when_it_broke_is_taken_again() {
    let shop = TestShop::new().await;
    let log = Log::default();
    log.holds_back.store(true, SeqCst);
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..40).await;
    eventually(|| log.len() == 40).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(shop.saved().await.values().all(|position| *position == 0));
    log.holds_back.store(false, SeqCst);
    log.breaks_in(1);
    shop.accounts(40..41).await;
    eventually(|| log.distinct() == 41).await;
    shop.accounts(41..80).await;
    eventually(|| log.distinct() == 80).await;
    running.stop().await;
    log.require_all_in_order();
    assert_eq!(log.len(), 41 + 80 - 1, "the first 40 twice");
    assert_eq!(shop.saved().await, shop.heads().await);
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_dies_is_started_anew_and_goes_on() {
    let shop = TestShop::new().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    for round in 0..5 {
        log.panics_in(7);
        shop.accounts(round * 20..round * 20 + 20).await;
        let expected = round as usize * 20 + 20;
        eventually(|| log.distinct() == expected).await;
    }
    let (_, status) = running.status().next().expect("one");
    assert_eq!(status.restarts, 5);
    running.stop().await;
    log.require_all_in_order();
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_event_stops_its_shard_and_no_other_until_somebody_decides() {
    let shop = TestShop::new().await;
    let log = Log::default();
    log.poison(ShardId(1), 3);
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..80).await;
    let others = 80 - 80 / usize::from(SHARDS);
    eventually(|| log.done_outside(ShardId(1)) == others).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (_, status) = running.status().next().expect("one");
    assert_eq!(status.stopped_shards, 1);
    assert_eq!(status.lag_events, 80 / u64::from(SHARDS) - 2);
    let stopped = shop.cursor(ShardId(1)).await;
    assert_eq!(stopped.position, 2);
    assert!(
        stopped
            .stopped
            .is_some_and(|reason| reason.contains("poison"))
    );
    // A node that is started anew stays before it.
    running.stop().await;
    let running = shop.project(&log, Begin::Start).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(shop.cursor(ShardId(1)).await.position, 2);
    assert_eq!(log.met.load(SeqCst), 1, "it is not tried again by itself");
    shop.set_cursor(ShardId(1), 3).await;
    eventually(|| log.distinct() == 80).await;
    running.stop().await;
    assert_eq!(shop.saved().await, shop.heads().await);
    assert_eq!(log.done(ShardId(1), 3), 0, "it was left out");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_is_set_back_by_hand_has_all_of_it_told_again() {
    let shop = TestShop::new().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..40).await;
    eventually(|| log.len() == 40).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Its owner notices, also when nothing happens.
    shop.set_cursor(ShardId(2), 0).await;
    let again = 40 / usize::from(SHARDS);
    eventually(|| log.len() >= 40 + again).await;
    shop.accounts(40..44).await;
    eventually(|| log.len() >= 44 + again).await;
    running.stop().await;
    assert_eq!(log.done(ShardId(2), 1), 2);
    assert_eq!(log.done(ShardId(3), 1), 1);
    assert_eq!(shop.saved().await, shop.heads().await);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_too_slow_for_the_feed_reads_what_it_missed() {
    let shop = TestShop::new().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    log.is_full.store(true, SeqCst);
    // Each is a batch of its own, and a feed holds 64: of some shards it holds nothing in the end.
    for shard in 0..u128::from(SHARDS) {
        for number in 0..70 {
            let number = number * u128::from(SHARDS) + shard;
            shop.accounts(number..number + 1).await;
        }
    }
    assert!(log.len() < 2);
    // Nor is it silent while it waits, however long.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let (_, status) = running.status().next().expect("there is one");
    assert_eq!(status.lag_events, 70 * u64::from(SHARDS));
    log.make_room();
    let began = tokio::time::Instant::now();
    eventually(|| log.len() == 70 * usize::from(SHARDS)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "it looks at once");
    running.stop().await;
    log.require_each_once_in_order();
}

#[tokio::test(start_paused = true)]
async fn what_no_feed_has_told_is_found() {
    let shop = TestShop::deaf().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..40).await;
    eventually(|| log.len() == 40).await;
    running.stop().await;
    log.require_each_once_in_order();
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_journal_stops_its_shard() {
    let shop = TestShop::lossy(ShardId(1), 4).await;
    shop.accounts(0..40).await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    let whole = 40 - 40 / usize::from(SHARDS) + 3;
    eventually(|| log.len() == whole).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    running.stop().await;
    assert_eq!(log.len(), whole);
    let stopped = shop.cursor(ShardId(1)).await;
    assert_eq!(stopped.position, 3);
    assert!(stopped.stopped.is_some_and(|reason| reason.contains("I2")));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_beyond_the_journal_stops_its_shard() {
    let shop = TestShop::new().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..40).await;
    eventually(|| log.len() == 40).await;
    running.stop().await;
    shop.set_cursor(ShardId(1), 100).await;
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(40..44).await;
    eventually(|| log.len() == 43).await;
    running.stop().await;
    let stopped = shop.cursor(ShardId(1)).await;
    assert!(
        stopped
            .stopped
            .is_some_and(|reason| reason.contains("restored"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_is_saved_when_it_is_told_to_stop() {
    let shop = TestShop::new().await;
    let log = Log::default();
    for round in 1..=20 {
        let running = shop.project(&log, Begin::Start).await;
        shop.accounts((round - 1) * 10..round * 10).await;
        let expected = usize::try_from(round * 10).expect("small");
        eventually(|| log.len() == expected).await;
        running.stop().await;
        assert_eq!(shop.saved().await, shop.heads().await, "round {round}");
    }
    log.require_each_once_in_order();
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_a_world_that_is_away_does_not_keep_a_node_from_stopping() {
    let shop = TestShop::new().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    log.is_full.store(true, SeqCst);
    shop.accounts(0..10).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stopping = tokio::time::timeout(Duration::from_secs(20), running.stop());
    assert!(stopping.await.is_ok(), "it does not stop");
    log.make_room();
    let running = shop.project(&log, Begin::Start).await;
    eventually(|| log.distinct() == 10).await;
    running.stop().await;
    log.require_all_in_order();
}

/// A ledger is what the tests read; that it is itself right is seen by its own end.
#[test]
fn the_ledger_notices_what_is_out_of_order() {
    let log = Log::default();
    for position in [1, 2, 2, 3] {
        log.note(ShardId(0), position);
    }
    log.require_all_in_order();
    let repeated = std::panic::catch_unwind(|| log.require_each_once_in_order());
    assert!(repeated.is_err());
    log.note(ShardId(0), 5);
    let gap = std::panic::catch_unwind(|| log.require_all_in_order());
    assert!(gap.is_err());
    let _: fn(Log) -> Ledger = Ledger::new;
}
