//! A claim and a batch of the owner it deposes: one waits for the other (I3).

use fritzy_domain::{Append, AppendError, EventId};
use fritzy_persistence::{PostgresConfig as StoreConfig, Stores};
use fritzy_testbed::HoldFrom;
use fritzy_types::ShardLease;
use uuid::Uuid;

use crate::fixture::node;
use crate::outages::workspace::{Ground, PATIENT, blocking, until};

const BATCH: &str = "INSERT INTO journal";

/// The owner's batch is written and not yet committed when another node claims its shard. The claim waits, so
/// that the new owner counts on from what the old one has written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_waits_for_the_batch_that_is_under_way() {
    let Some(ground) = Ground::new("a_claim_waits_for_the_batch_that_is_under_way").await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    let hold = ground.proxy.hold_client_bytes(HoldFrom::sync_of(BATCH));
    let lease = ground.fixture.leases[0];
    let shards = [lease.shard];
    let claiming = ground.fixture.stores.ownership.claim(node(2), &shards);
    let ((told, claimed), ()) = tokio::join!(
        async {
            let told = ground.tell(ground.account(4, PATIENT));
            let claimed = async {
                ground.until_written(&hold).await;
                claiming.await
            };
            tokio::join!(told, claimed)
        },
        async {
            until(|| ground.waiting_for_locks() > 0).await;
            assert!(blocking(|| hold.release()), "the batch is committed");
        }
    );
    assert_eq!(told.1.as_ref().map(|positions| positions.first), Ok(2));
    let newer = claimed.expect("claimed")[0];
    assert_eq!(newer.epoch.0, lease.epoch.0 + 1);
    let next = ground.tell(under(newer, ground.account(8, PATIENT))).await;
    assert_eq!(next.1.as_ref().map(|positions| positions.first), Ok(3));
    let deposed = ground.tell(ground.account(12, PATIENT)).await;
    assert!(deposed.1.is_err(), "the old owner writes no more");
    ground.audit(&[first, told, next, deposed]).await;
}

/// The batch has been sent and not begun when another node claims its shard: it fails at its fence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_arrives_after_a_claim_is_refused() {
    let Some(ground) = Ground::new("a_batch_that_arrives_after_a_claim_is_refused").await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    let hold = ground.proxy.hold_client_bytes(HoldFrom::execute_of(BATCH));
    let lease = ground.fixture.leases[0];
    let shards = [lease.shard];
    let claiming = ground.fixture.stores.ownership.claim(node(2), &shards);
    let (late, newer) = tokio::join!(ground.tell(ground.account(4, PATIENT)), async {
        assert!(blocking(|| hold.wait_held(PATIENT)), "the batch was sent");
        let claimed = claiming.await.expect("claimed");
        assert!(blocking(|| hold.release()), "the batch arrives");
        claimed[0]
    });
    let fenced = Err(AppendError::Fenced(lease.shard));
    assert_eq!(late.1, fenced);
    let next = ground.tell(under(newer, ground.account(8, PATIENT))).await;
    assert_eq!(next.1.as_ref().map(|positions| positions.first), Ok(2));
    ground.audit(&[first, late, next]).await;
}

/// The batch is lost, and the next owner of one of its shards is given the same command, as a client with a key does it. It counts on
/// from the same head, so that its event stands where that of the batch would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_owner_s_event_is_not_taken_for_a_lost_one() {
    let test = "another_owner_s_event_is_not_taken_for_a_lost_one";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let first = ground.tell(ground.account(0, PATIENT)).await;
    let hold = ground.proxy.hold_client_bytes(HoldFrom::execute_of(BATCH));
    // Of one committer, and in one batch with it.
    let (given, beside) = (ground.account(4, PATIENT), ground.account(2, PATIENT));
    let mut anew = given.clone();
    for (id, _) in &mut anew.events {
        *id = EventId::from_uuid(Uuid::new_v4());
    }
    let shards = [given.lease.shard];
    let (lost, kept, next) = tokio::join!(ground.tell(given), ground.tell(beside), async {
        assert!(blocking(|| hold.wait_held(PATIENT)), "the batch was sent");
        ground.proxy.cut();
        let config = StoreConfig {
            shards: ground.fixture.stores.ownership.shard_count(),
            ..StoreConfig::new(ground.server.url("postgres"))
        };
        let other = Stores::open_postgres(config).await.expect("opens");
        let claimed = other.ownership.claim(node(2), &shards).await;
        let anew = under(claimed.expect("claimed")[0], anew);
        let next = (anew.clone(), other.journal.append(anew).await);
        other.close().await;
        ground.proxy.heal();
        next
    });
    assert_eq!(next.1.as_ref().map(|positions| positions.first), Ok(2));
    assert_eq!(lost.1, Err(AppendError::Fenced(shards[0])));
    assert!(kept.1.is_ok(), "{:?}", kept.1);
    blocking(|| hold.release());
    let last = ground.tell(ground.account(6, PATIENT)).await;
    assert!(last.1.is_ok(), "it goes on: {:?}", last.1);
    ground.audit(&[first, next, kept, last]).await;
}

fn under(lease: ShardLease, append: Append) -> Append {
    Append { lease, ..append }
}
