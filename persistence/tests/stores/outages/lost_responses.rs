//! A commit whose response is lost: its client still learns the outcome (I1).

use std::time::Duration;

use fritzy_domain::{Append, AppendError};
use fritzy_testbed::{Hold, HoldFrom, skip_unless};
use tokio::time::timeout;

use crate::fixture::TEST_TIMEOUT;
use crate::outages::workspace::{
    BATCH, ClientObservation, Workspace, blocking, wait_until, wait_until_held,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_committed_batch_is_acknowledged_after_a_lost_response() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    workspace.proxy.drop_server_bytes();
    let (lost, ()) = tokio::join!(workspace.create_account(4), async {
        // The server has committed it, and its response was dropped.
        wait_until(|| workspace.journal_rows() == 2).await;
        workspace.proxy.heal();
    });
    assert_eq!(lost.first_position(), Ok(2));
    let next = workspace.create_account(8).await;
    assert_eq!(next.first_position(), Ok(3));
    workspace.audit(&[first, lost, next]).await;
}

/// After resolving a batch in doubt, the committer continues under the epoch it raised itself. An
/// append that was decided under an earlier lease must not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_epoch_bump_does_not_revive_an_earlier_lease() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    let (old, lost) = (workspace.new_account(4), workspace.new_account(8));
    let shards = [old.lease.shard];
    let ownership = &workspace.fixture.stores.ownership;
    let claimed = ownership.claim(old.lease.owner, &shards).await;
    let lease = claimed.expect("claimed again")[0];
    // All of these accounts are in one shard.
    assert_eq!((lease.shard, lost.lease.shard), (shards[0], shards[0]));
    let under = |append| Append { lease, ..append };
    let second = workspace.append(under(workspace.new_account(12))).await;
    workspace.proxy.drop_server_bytes();
    let (lost, ()) = tokio::join!(workspace.append(under(lost)), async {
        wait_until(|| workspace.journal_rows() == 3).await;
        workspace.proxy.heal();
    });
    assert!(lost.is_acknowledged(), "{lost:?}");
    let refused = workspace.append(old).await;
    assert_eq!(refused.result, Err(AppendError::Fenced(shards[0])));
    workspace.audit(&[first, second, lost, refused]).await;
}

/// The server has executed the batch and waits for the message that commits it. That message is in
/// transit while the committer resolves the outcome, and arrives before the resolution ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_resolution_waits_for_a_commit_delivered_late() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    let hold = workspace.proxy.hold_client_bytes(HoldFrom::sync_of(BATCH));
    let (late, ()) = tokio::join!(workspace.create_account(4), async {
        workspace.wait_until_executed(&hold).await;
        workspace.proxy.cut();
        workspace.proxy.heal();
        // The statement that raises the epoch waits for the old transaction.
        wait_until(|| workspace.lock_waiters() > 0).await;
        assert!(blocking(|| hold.release()), "the commit is delivered");
    });
    assert_eq!(late.first_position(), Ok(2));
    let next = workspace.create_account(8).await;
    assert_eq!(next.first_position(), Ok(3));
    workspace.audit(&[first, late, next]).await;
}

/// The same, but the message never arrives: without help the old transaction would lock its shards
/// for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_orphaned_transaction_is_terminated() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    let hold = workspace.proxy.hold_client_bytes(HoldFrom::sync_of(BATCH));
    let (lost, ()) = tokio::join!(workspace.create_account(4), async {
        workspace.wait_until_executed(&hold).await;
        workspace.proxy.cut();
        workspace.proxy.heal();
    });
    assert_eq!(lost.first_position(), Ok(2));
    blocking(|| hold.release());
    workspace.audit(&[first, lost]).await;
}

/// The server has not even started: the whole batch arrives after the same client's next attempt
/// was acknowledged. It must fail at its fence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_batch_delivered_after_resolution_changes_nothing() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    let hold = workspace
        .proxy
        .hold_client_bytes(HoldFrom::execute_of(BATCH));
    let (retried, ()) = tokio::join!(workspace.create_account(4), async {
        wait_until_held(&hold);
        workspace.proxy.cut();
        workspace.proxy.heal();
    });
    assert!(retried.is_acknowledged(), "{retried:?}");
    assert!(blocking(|| hold.release()), "the old batch is delivered");
    let next = workspace.create_account(8).await;
    assert_eq!(next.first_position(), Ok(3));
    wait_until(|| workspace.proxy.connections() <= 4).await;
    workspace.audit(&[first, retried, next]).await;
}

/// Sends a batch that has not reached the server when the connection is cut. The client has learned
/// that its outcome is unknown; the connection is still cut.
async fn unknown_outcome(workspace: &Workspace) -> (ClientObservation, Hold) {
    let hold = workspace
        .proxy
        .hold_client_bytes(HoldFrom::execute_of(BATCH));
    // Long enough to send the batch on a busy machine.
    let append = workspace.new_account_within(Duration::from_millis(500), 4);
    let (unknown, ()) = tokio::join!(workspace.append(append), async {
        wait_until_held(&hold);
        workspace.proxy.cut();
    });
    assert!(unknown.is_unavailable(false), "{unknown:?}");
    (unknown, hold)
}

/// The database is unreachable for longer than the client waits, so the outcome is unknown. Later
/// appends in the same shard are not harmed by the old batch, whenever it arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_outcome_is_unknown_only_after_the_deadline() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    let (unknown, hold) = unknown_outcome(&workspace).await;
    workspace.proxy.heal();
    let next = workspace.create_account(8).await;
    assert_eq!(next.first_position(), Ok(2));
    blocking(|| hold.release());
    let last = workspace.create_account(12).await;
    assert_eq!(last.first_position(), Ok(3));
    workspace.audit(&[first, unknown, next, last]).await;
}

/// A caller of the barrier reads afterwards; the unknown batch could still change what it reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn barrier_waits_until_an_unknown_batch_is_resolved() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    let (unknown, hold) = unknown_outcome(&workspace).await;
    let journal = &workspace.fixture.stores.journal;
    // Several of the committer's attempts, of which there is one each 100 ms.
    let passed = timeout(Duration::from_millis(400), journal.barrier()).await;
    assert!(passed.is_err(), "the batch is still in doubt");
    workspace.proxy.heal();
    let passed = timeout(TEST_TIMEOUT, journal.barrier()).await;
    assert!(passed.is_ok(), "the batch cannot be committed any more");
    assert_eq!(workspace.journal_rows(), 1);
    blocking(|| hold.release());
    wait_until(|| workspace.proxy.connections() <= 4).await;
    assert_eq!(workspace.journal_rows(), 1, "it arrived and was fenced");
    workspace.audit(&[first, unknown]).await;
}
