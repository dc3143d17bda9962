//! A claim, and a batch of the owner that it deposes: one waits for the other (I3).

use fritzy_domain::{Append, AppendError, EventId};
use fritzy_persistence::{PostgresConfig as StoreConfig, Stores};
use fritzy_testbed::{HoldFrom, skip_unless};
use fritzy_types::ShardLease;
use uuid::Uuid;

use crate::fixture::node;
use crate::outages::workspace::{
    BATCH, ClientObservation, Workspace, blocking, wait_until, wait_until_held,
};

fn under(lease: ShardLease, append: Append) -> Append {
    Append { lease, ..append }
}

/// The owner's batch is executed but not committed when another node claims its shard. The claim
/// waits, so the new owner continues after the batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_claim_waits_for_the_batch_in_flight() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    let hold = workspace.proxy.hold_client_bytes(HoldFrom::sync_of(BATCH));
    let lease = workspace.fixture.leases[0];
    let shards = [lease.shard];
    let claim = workspace.fixture.stores.ownership.claim(node(2), &shards);
    let ((in_flight, claimed), ()) = tokio::join!(
        async {
            let in_flight = workspace.create_account(4);
            let claimed = async {
                workspace.wait_until_executed(&hold).await;
                claim.await
            };
            tokio::join!(in_flight, claimed)
        },
        async {
            wait_until(|| workspace.lock_waiters() > 0).await;
            assert!(blocking(|| hold.release()), "the commit is delivered");
        }
    );
    assert_eq!(in_flight.first_position(), Ok(2));
    let newer = claimed.expect("claimed")[0];
    assert_eq!(newer.epoch.0, lease.epoch.0 + 1);
    let next = under(newer, workspace.new_account(8));
    let next = workspace.append(next).await;
    assert_eq!(next.first_position(), Ok(3));
    let deposed = workspace.create_account(12).await;
    assert!(!deposed.is_acknowledged(), "the old owner cannot write");
    let observed = [first, in_flight, next, deposed];
    workspace.audit(&observed).await;
}

/// The batch is sent but has not reached the server when another node claims its shard. It fails at
/// its fence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_batch_arriving_after_a_claim_is_fenced() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    let hold = workspace
        .proxy
        .hold_client_bytes(HoldFrom::execute_of(BATCH));
    let lease = workspace.fixture.leases[0];
    let shards = [lease.shard];
    let claim = workspace.fixture.stores.ownership.claim(node(2), &shards);
    let (late, newer) = tokio::join!(workspace.create_account(4), async {
        wait_until_held(&hold);
        let claimed = claim.await.expect("claimed");
        assert!(blocking(|| hold.release()), "the batch is delivered");
        claimed[0]
    });
    assert_eq!(late.result, Err(AppendError::Fenced(lease.shard)));
    let next = under(newer, workspace.new_account(8));
    let next = workspace.append(next).await;
    assert_eq!(next.first_position(), Ok(2));
    workspace.audit(&[first, late, next]).await;
}

/// The batch is lost. The next owner of one of its shards receives the same command, as from a
/// client that retries with its key, and continues from the same head: its event has the position
/// that the lost one would have had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_event_of_the_next_owner_does_not_prove_a_lost_batch() {
    let workspace = skip_unless!(Workspace::new().await);
    let first = workspace.create_account(0).await;
    let hold = workspace
        .proxy
        .hold_client_bytes(HoldFrom::execute_of(BATCH));
    // Both shards belong to one committer, so the two appends share a batch.
    let (lost, beside) = (workspace.new_account(4), workspace.new_account(2));
    let mut retried = lost.clone();
    for (id, _) in &mut retried.events {
        *id = EventId::from_uuid(Uuid::new_v4());
    }
    let shards = [lost.lease.shard];
    let (lost, beside) = (workspace.append(lost), workspace.append(beside));
    let (lost, beside, next) = tokio::join!(lost, beside, async {
        wait_until_held(&hold);
        workspace.proxy.cut();
        let config = StoreConfig {
            shards: workspace.fixture.stores.ownership.shard_count(),
            ..StoreConfig::new(workspace.server.url("postgres"))
        };
        let other = Stores::open_postgres(config).await.expect("opens");
        let claimed = other.ownership.claim(node(2), &shards).await;
        let append = under(claimed.expect("claimed")[0], retried);
        let result = other.journal.append(append.clone()).await;
        other.close().await;
        workspace.proxy.heal();
        ClientObservation { append, result }
    });
    assert_eq!(next.first_position(), Ok(2));
    assert_eq!(lost.result, Err(AppendError::Fenced(shards[0])));
    assert!(beside.is_acknowledged(), "{beside:?}");
    blocking(|| hold.release());
    let last = workspace.create_account(6).await;
    assert!(last.is_acknowledged(), "the committer continues: {last:?}");
    workspace.audit(&[first, next, beside, last]).await;
}
