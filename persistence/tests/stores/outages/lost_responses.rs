//! A commit whose answer is lost: the client still hears what became of it.

use std::time::Duration;

use fritzy_domain::AppendError;
use fritzy_testbed::{Hold, HoldFrom};
use tokio::time::timeout;

use crate::outages::workspace::{Ground, PATIENT, Told, blocking, until};

const BATCH: &str = "INSERT INTO journal";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_was_committed_is_acknowledged_though_its_answer_was_lost() {
    let test = "a_batch_that_was_committed_is_acknowledged_though_its_answer_was_lost";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    ground.proxy.drop_server_bytes();
    let (told, ()) = tokio::join!(ground.tell(ground.account(4, PATIENT)), async {
        // The server has done it, and said so to nobody.
        until(|| ground.rows() == 2).await;
        ground.proxy.heal();
    });
    assert_eq!(told.1.as_ref().map(|positions| positions.first), Ok(2));
    let next = ground.tell(ground.account(8, PATIENT)).await;
    assert_eq!(next.1.as_ref().map(|positions| positions.first), Ok(3));
    ground.audit(&[first, told, next]).await;
}

/// The committer goes on under the lease it has raised by itself. What was decided under one that was given back before
/// must not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_was_given_back_does_not_come_back_with_a_raised_one() {
    let test = "a_lease_that_was_given_back_does_not_come_back_with_a_raised_one";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    let (old, lost) = (ground.account(4, PATIENT), ground.account(8, PATIENT));
    let shards = [old.lease.shard];
    let ownership = &ground.fixture.stores.ownership;
    let taken = ownership.claim(old.lease.owner, &shards).await;
    let lease = taken.expect("taken again")[0];
    // All of these numbers are of one shard.
    assert_eq!((lease.shard, lost.lease.shard), (shards[0], shards[0]));
    let under = |append| fritzy_domain::Append { lease, ..append };
    let second = ground.tell(under(ground.account(12, PATIENT))).await;
    ground.proxy.drop_server_bytes();
    let (told, ()) = tokio::join!(ground.tell(under(lost)), async {
        until(|| ground.rows() == 3).await;
        ground.proxy.heal();
    });
    assert!(told.1.is_ok(), "{:?}", told.1);
    let refused = ground.tell(old).await;
    assert_eq!(refused.1, Err(AppendError::Fenced(shards[0])));
    ground.audit(&[first, second, told, refused]).await;
}

/// The server has written the batch and waits for the word to commit it. That word is on its way while the
/// committer finds out what became of the batch, and arrives before it has found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_delivered_after_settling_has_begun_is_waited_for() {
    let test = "a_commit_delivered_after_settling_has_begun_is_waited_for";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    let hold = ground.proxy.hold_client_bytes(HoldFrom::sync_of(BATCH));
    let (told, ()) = tokio::join!(ground.tell(ground.account(4, PATIENT)), async {
        ground.until_written(&hold).await;
        ground.proxy.cut();
        ground.proxy.heal();
        // The claim of the new epoch waits for the old transaction.
        until(|| ground.waiting_for_locks() > 0).await;
        assert!(blocking(|| hold.release()), "the word is delivered");
    });
    assert_eq!(told.1.as_ref().map(|positions| positions.first), Ok(2));
    let next = ground.tell(ground.account(8, PATIENT)).await;
    assert_eq!(next.1.as_ref().map(|positions| positions.first), Ok(3));
    ground.audit(&[first, told, next]).await;
}

/// The same, but the word never comes: the old transaction would hold its shards for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_never_ends_is_ended() {
    let test = "a_transaction_that_never_ends_is_ended";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    let hold = ground.proxy.hold_client_bytes(HoldFrom::sync_of(BATCH));
    let (told, ()) = tokio::join!(ground.tell(ground.account(4, PATIENT)), async {
        ground.until_written(&hold).await;
        ground.proxy.cut();
        ground.proxy.heal();
    });
    assert_eq!(told.1.as_ref().map(|positions| positions.first), Ok(2));
    blocking(|| hold.release());
    ground.audit(&[first, told]).await;
}

/// The server has not even begun: the whole batch arrives when the same client's next attempt has long been
/// answered. It must fail at its fence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_delivered_after_it_was_settled_changes_nothing() {
    let test = "a_batch_delivered_after_it_was_settled_changes_nothing";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    let hold = ground.proxy.hold_client_bytes(HoldFrom::execute_of(BATCH));
    let (told, ()) = tokio::join!(ground.tell(ground.account(4, PATIENT)), async {
        assert!(blocking(|| hold.wait_held(PATIENT)), "the batch was sent");
        ground.proxy.cut();
        ground.proxy.heal();
    });
    assert!(told.1.is_ok(), "{:?}", told.1);
    assert!(blocking(|| hold.release()), "the old batch is delivered");
    let next = ground.tell(ground.account(8, PATIENT)).await;
    assert_eq!(next.1.as_ref().map(|positions| positions.first), Ok(3));
    until(|| ground.proxy.connections() <= 4).await;
    ground.audit(&[first, told, next]).await;
}

/// A batch that was sent, and has not arrived when the way is cut. Whoever waits for it has heard that nobody knows; the way is
/// still cut.
async fn unknown(ground: &Ground) -> (Told, Hold) {
    let hold = ground.proxy.hold_client_bytes(HoldFrom::execute_of(BATCH));
    let impatient = ground.account(4, Duration::from_secs(1));
    let (told, ()) = tokio::join!(ground.tell(impatient), async {
        assert!(blocking(|| hold.wait_held(PATIENT)), "the batch was sent");
        ground.proxy.cut();
    });
    let unknown = matches!(
        told.1,
        Err(AppendError::Unavailable {
            certainly_not_written: false,
            ..
        })
    );
    assert!(unknown, "{:?}", told.1);
    (told, hold)
}

/// The database stays away for longer than the client waits. It hears that nobody knows; what comes later in
/// the same shard is not harmed by the old batch, whenever it arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_is_said_only_when_the_database_stays_away_past_the_deadline() {
    let test = "unknown_is_said_only_when_the_database_stays_away_past_the_deadline";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    let (told, hold) = unknown(&ground).await;
    ground.proxy.heal();
    let next = ground.tell(ground.account(8, PATIENT)).await;
    assert_eq!(next.1.as_ref().map(|positions| positions.first), Ok(2));
    blocking(|| hold.release());
    let last = ground.tell(ground.account(12, PATIENT)).await;
    assert_eq!(last.1.as_ref().map(|positions| positions.first), Ok(3));
    ground.audit(&[first, told, next, last]).await;
}

/// Whoever waits for everything before it would read what that batch may change yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_an_unknown_batch_goes_on_when_it_cannot_come_any_more() {
    let test = "what_waits_for_an_unknown_batch_goes_on_when_it_cannot_come_any_more";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    let (told, hold) = unknown(&ground).await;
    let journal = &ground.fixture.stores.journal;
    let settled = timeout(Duration::from_secs(1), journal.barrier()).await;
    assert!(settled.is_err(), "nothing is known of it");
    ground.proxy.heal();
    let settled = timeout(PATIENT, journal.barrier()).await;
    assert!(settled.is_ok(), "it cannot come any more");
    assert_eq!(ground.rows(), 1);
    blocking(|| hold.release());
    until(|| ground.proxy.connections() <= 4).await;
    assert_eq!(ground.rows(), 1, "it came, and changed nothing");
    ground.audit(&[first, told]).await;
}
