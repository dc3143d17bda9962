//! A claim and a batch of the owner it deposes: one waits for the other (I3).

use fritzy_domain::{Append, ShardLease};
use fritzy_services::HoldFrom;

use crate::fixtures::node;
use crate::ground::{Ground, PATIENT, blocking, until};

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
    let fenced = Err(fritzy_domain::AppendError::Fenced(lease.shard));
    assert_eq!(late.1, fenced);
    let next = ground.tell(under(newer, ground.account(8, PATIENT))).await;
    assert_eq!(next.1.as_ref().map(|positions| positions.first), Ok(2));
    ground.audit(&[first, late, next]).await;
}

fn under(lease: ShardLease, append: Append) -> Append {
    Append { lease, ..append }
}
