//! The projection runner on in-memory stores: each event is delivered at least once and in order,
//! whatever fails.

mod ledger;
mod moving;
mod shop;
mod waiting;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use fritzy_projections::Begin;
use fritzy_types::ShardId;

use ledger::{Ledger, Log};
use shop::{SHARDS, TestShop, eventually};

#[tokio::test(start_paused = true)]
async fn i6_committed_events_are_taken_once_in_order() {
    let shop = TestShop::new().await;
    shop.accounts(0..50).await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(50..200).await;
    eventually(|| log.len() == 200).await;
    running.stop().await;
    log.require_each_once_in_order();
    assert_eq!(shop.saved().await, shop.heads().await);
    // The next run continues behind the saved cursors.
    shop.accounts(200..220).await;
    let running = shop.project(&log, Begin::Start).await;
    eventually(|| log.len() == 220).await;
    running.stop().await;
    log.require_each_once_in_order();
}

#[tokio::test(start_paused = true)]
async fn begin_now_skips_earlier_events_for_good() {
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
    // Events committed while nothing ran are taken, and earlier ones never.
    shop.accounts(50..60).await;
    let running = shop.project(&log, Begin::Now).await;
    shop.accounts(60..70).await;
    eventually(|| log.len() == 20).await;
    running.stop().await;
    assert_eq!(shop.saved().await, shop.heads().await);
}

#[tokio::test(start_paused = true)]
async fn begin_now_counts_from_first_start_attempt() {
    let shop = TestShop::new().await;
    shop.accounts(0..20).await;
    let log = Log::default();
    log.is_unreachable.store(true, SeqCst);
    let running = shop.project(&log, Begin::Now).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    shop.accounts(20..50).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    // The lag is published meanwhile.
    let (_, status) = running.status().next().expect("there is one");
    assert_eq!((status.lag_events, log.len()), (30, 0));
    log.is_unreachable.store(false, SeqCst);
    eventually(|| log.len() == 30).await;
    running.stop().await;
    assert_eq!(log.distinct(), 30);
    assert_eq!(shop.saved().await, shop.heads().await);
}

#[tokio::test(start_paused = true)]
async fn unacknowledged_events_are_redelivered_after_failure() {
    let shop = TestShop::new().await;
    let log = Log::default();
    log.withholds_acks.store(true, SeqCst);
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..40).await;
    eventually(|| log.len() == 40).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(shop.saved().await.values().all(|position| *position == 0));
    log.withholds_acks.store(false, SeqCst);
    log.fails_in(1);
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
async fn panicking_projection_is_restarted_and_continues() {
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
async fn poisoned_event_stops_only_its_shard_until_skipped() {
    let shop = TestShop::new().await;
    let log = Log::default();
    log.poison(ShardId(1), 3);
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..80).await;
    let others = 80 - 80 / usize::from(SHARDS);
    eventually(|| log.taken_outside(ShardId(1)) == others).await;
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
    // A restarted node stays stopped before it.
    running.stop().await;
    let running = shop.project(&log, Begin::Start).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(shop.cursor(ShardId(1)).await.position, 2);
    assert_eq!(
        log.poison_deliveries.load(SeqCst),
        1,
        "it is not redelivered by itself"
    );
    shop.set_cursor(ShardId(1), 3).await;
    eventually(|| log.distinct() == 80).await;
    running.stop().await;
    assert_eq!(shop.saved().await, shop.heads().await);
    assert_eq!(log.times_taken(ShardId(1), 3), 0, "it was skipped");
}

#[tokio::test(start_paused = true)]
async fn reset_cursor_redelivers_the_shard() {
    let shop = TestShop::new().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..40).await;
    eventually(|| log.len() == 40).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // The owner notices the reset, also while nothing is committed.
    shop.set_cursor(ShardId(2), 0).await;
    let again = 40 / usize::from(SHARDS);
    eventually(|| log.len() >= 40 + again).await;
    shop.accounts(40..44).await;
    eventually(|| log.len() >= 44 + again).await;
    running.stop().await;
    assert_eq!(log.times_taken(ShardId(2), 1), 2);
    assert_eq!(log.times_taken(ShardId(3), 1), 1);
    assert_eq!(shop.saved().await, shop.heads().await);
}

#[tokio::test(start_paused = true)]
async fn lagging_projection_reads_missed_events_from_journal() {
    let shop = TestShop::new().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    log.is_full.store(true, SeqCst);
    // Each account is a batch of its own, and a feed holds 64: at the end it holds none of some
    // shards.
    for shard in 0..u128::from(SHARDS) {
        for number in 0..70 {
            let number = number * u128::from(SHARDS) + shard;
            shop.accounts(number..number + 1).await;
        }
    }
    assert!(log.len() < 2);
    // The lag is published while it waits, however long.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let (_, status) = running.status().next().expect("there is one");
    assert_eq!(status.lag_events, 70 * u64::from(SHARDS));
    log.free_capacity();
    let began = tokio::time::Instant::now();
    eventually(|| log.len() == 70 * usize::from(SHARDS)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "it reads at once");
    running.stop().await;
    log.require_each_once_in_order();
}

#[tokio::test(start_paused = true)]
async fn events_missing_from_the_feed_are_found() {
    let shop = TestShop::without_feed().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    shop.accounts(0..40).await;
    eventually(|| log.len() == 40).await;
    running.stop().await;
    log.require_each_once_in_order();
}

#[tokio::test(start_paused = true)]
async fn i2_gap_in_journal_stops_its_shard() {
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
async fn cursor_beyond_journal_stops_its_shard() {
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
async fn acknowledged_events_are_saved_on_stop() {
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
async fn stop_does_not_wait_for_unreachable_projection() {
    let shop = TestShop::new().await;
    let log = Log::default();
    let running = shop.project(&log, Begin::Start).await;
    log.is_full.store(true, SeqCst);
    shop.accounts(0..10).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stopping = tokio::time::timeout(Duration::from_secs(20), running.stop());
    assert!(stopping.await.is_ok(), "it did not stop");
    log.free_capacity();
    let running = shop.project(&log, Begin::Start).await;
    eventually(|| log.distinct() == 10).await;
    running.stop().await;
    log.require_all_in_order();
}

/// The other tests rely on the ledger, so it has a test of its own.
#[test]
fn ledger_detects_repeats_and_gaps() {
    let log = Log::default();
    for position in [1, 2, 2, 3] {
        log.record(ShardId(0), position);
    }
    log.require_all_in_order();
    let repeated = std::panic::catch_unwind(|| log.require_each_once_in_order());
    assert!(repeated.is_err());
    log.record(ShardId(0), 5);
    let gap = std::panic::catch_unwind(|| log.require_all_in_order());
    assert!(gap.is_err());
    let _: fn(Log) -> Ledger = Ledger::new;
}
