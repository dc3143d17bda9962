//! Acquiring shards from dead owners, and releasing them: one owner at a time, which continues
//! where the last one stopped (I2, I3).

use std::collections::BTreeMap;

use fritzy_domain::AppendError;
use fritzy_types::{Epoch, NodeId, ShardId, ShardLease};

use crate::conformance::cluster::{Cluster, SHARDS, write};
use crate::fixture::node;

/// Returns the last position of shard 0, after checking that positions are 1, 2, 3 … (I2).
async fn last_position(cluster: &Cluster, stores: usize) -> u64 {
    let journal = &cluster.stores[stores].journal;
    let events = journal.read_shard(ShardId(0), 0, 10_000).await;
    let events = events.expect("reads");
    for (expected, recorded) in (1..).zip(&events) {
        assert_eq!(recorded.position, expected);
    }
    events.len() as u64
}

pub(crate) async fn i3_shard_is_acquired_only_from_the_observed_dead_owner(cluster: Cluster) {
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let members = cluster.members();
    let acquire = async |owner: NodeId, observed: &[(u16, Option<NodeId>)]| {
        let observed: Vec<_> = observed
            .iter()
            .map(|(shard, owner)| (ShardId(*shard), *owner))
            .collect();
        let acquired = members.acquire(owner, &observed).await;
        let shard_and_epoch = |lease: &ShardLease| {
            assert_eq!(lease.owner, owner);
            (lease.shard.0, lease.epoch.0)
        };
        let acquired = acquired.expect("acquires");
        acquired.iter().map(shard_and_epoch).collect::<Vec<_>>()
    };
    let none: [(u16, u64); 0] = [];
    assert_eq!(acquire(one, &[]).await, none);
    let shards = [(3, None), (1, None), (0, Some(two)), (3, None)];
    let acquired = acquire(one, &shards).await;
    assert_eq!(acquired, [(1, 1), (3, 1)], "in order, once");
    for (by, observed, why) in [
        (two, None, "it has an owner"),
        (two, Some(one), "its owner is alive"),
        (one, Some(one), "its owner is alive"),
        (two, Some(node(9)), "it has another owner"),
    ] {
        assert_eq!(acquire(by, &[(1, observed)]).await, none, "{why}");
    }

    assert!(cluster.fence(one, 0).await);
    assert_eq!(acquire(one, &[(2, None)]).await, none, "it is fenced");
    assert_eq!(acquire(node(8), &[(2, None)]).await, none, "not a member");
    assert_eq!(acquire(two, &[(1, None)]).await, none, "not as observed");
    assert_eq!(acquire(two, &[(1, Some(one))]).await, [(1, 2)]);
    // An owner that has left counts as dead, like a fenced one.
    members.leave(two).await.expect("leaves");
    let three = cluster.join(3).await;
    let shards = [(1, Some(two)), (3, Some(one)), (5, Some(two))];
    assert_eq!(acquire(three, &shards).await, [(1, 3), (3, 2)]);
}

/// In each round the owners are fenced, and two other nodes acquire all their shards concurrently.
pub(crate) async fn i3_concurrent_acquisitions_assign_each_shard_once(cluster: Cluster) {
    let mut owners: BTreeMap<ShardId, (Option<NodeId>, Epoch)> = (0..SHARDS)
        .map(|shard| (ShardId(shard), (None, Epoch(0))))
        .collect();
    for round in 0..20 {
        let candidates = [
            cluster.join(10 + 2 * round).await,
            cluster.join(11 + 2 * round).await,
        ];
        let observed: Vec<_> = owners.iter().map(|(s, (owner, _))| (*s, *owner)).collect();
        let [first, second] = [0, 1].map(|stores| {
            let membership = cluster.stores[stores].membership.clone();
            let membership = membership.expect("shared by several nodes");
            let (candidate, observed) = (candidates[stores], observed.clone());
            tokio::spawn(async move { membership.acquire(candidate, &observed).await })
        });
        let mut acquired = first.await.expect("no panic").expect("acquires");
        acquired.extend(second.await.expect("no panic").expect("acquires"));
        let len = acquired.len();
        assert_eq!(len, usize::from(SHARDS), "round {round}: each once");
        for ShardLease {
            shard,
            owner,
            epoch,
        } in acquired
        {
            let before = owners.insert(shard, (Some(owner), epoch));
            let (_, before) = before.expect("a shard of the table");
            assert_eq!(epoch.0, before.0 + 1, "round {round}: {shard:?} once");
        }
        for shard in cluster.state().await.shards {
            assert_eq!(owners[&shard.shard], (shard.owner, shard.epoch));
        }
        for candidate in candidates {
            assert!(cluster.fence(candidate, 0).await);
        }
    }
}

pub(crate) async fn i3_deposed_node_is_fenced_and_its_successor_continues(cluster: Cluster) {
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let first = cluster.shop(0, cluster.acquire_all(0, one, None).await);
    for number in 0..3 {
        write(&first, number).await.expect("the owner writes");
    }
    assert_eq!(cluster.acquire_all(1, two, Some(one)).await, []);
    write(&first, 3).await.expect("it still owns its shards");
    assert!(cluster.fence(one, 0).await);
    write(&first, 4)
        .await
        .expect("its shards are not acquired yet");
    let second = cluster.shop(1, cluster.acquire_all(1, two, Some(one)).await);
    let deposed = write(&first, 5).await;
    assert_eq!(deposed, Err(AppendError::Fenced(ShardId(0))));
    assert_eq!(write(&second, 6).await.map(|at| at.first), Ok(6));
    assert_eq!(last_position(&cluster, 1).await, 6);
}

/// Shards are acquired while their owner writes. What was acknowledged is there, and nothing is
/// written twice.
pub(crate) async fn i3_acquisition_during_writes_loses_and_repeats_nothing(cluster: Cluster) {
    const EACH: u128 = 400;
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let first = cluster.shop(0, cluster.acquire_all(0, one, None).await);
    write(&first, 0).await.expect("the owner writes");
    assert!(cluster.fence(one, 0).await);
    let writing = async {
        let mut acknowledged = 1;
        for number in 1..EACH {
            match write(&first, number).await {
                Ok(_) => acknowledged += 1,
                Err(failure) => {
                    assert_eq!(failure, AppendError::Fenced(ShardId(0)));
                    break;
                }
            }
        }
        acknowledged
    };
    let acquiring = async {
        let second = cluster.shop(1, cluster.acquire_all(1, two, Some(one)).await);
        let mut firsts = Vec::new();
        for number in EACH..EACH + 20 {
            firsts.push(write(&second, number).await.expect("the new owner").first);
        }
        firsts
    };
    let (acknowledged, firsts) = tokio::join!(writing, acquiring);
    let expected: Vec<u64> = (acknowledged + 1..=acknowledged + 20).collect();
    assert_eq!(
        firsts, expected,
        "it continues after the last append of the old owner"
    );
    assert_eq!(last_position(&cluster, 0).await, acknowledged + 20);
}

pub(crate) async fn released_shard_can_be_acquired_by_any_node(cluster: Cluster) {
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let all: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();
    let release = async |owner, shards: &[ShardId]| {
        let released = cluster.members().release(owner, shards).await;
        released.expect("releases");
    };
    let first = cluster.shop(0, cluster.acquire_all(0, one, None).await);
    write(&first, 0).await.expect("the owner writes");
    release(two, &all).await;
    write(&first, 1).await.expect("only the owner can release");
    release(one, &[]).await;
    release(one, &all).await;
    release(one, &all).await;
    let released = cluster.state().await.shards;
    let free = |shard: &fritzy_types::ShardOwner| shard.owner.is_none() && shard.epoch == Epoch(1);
    assert!(released.iter().all(free), "{released:?}");
    let fenced = write(&first, 2).await;
    assert_eq!(fenced, Err(AppendError::Fenced(ShardId(0))));

    let second = cluster.shop(1, cluster.acquire_all(1, two, None).await);
    assert!(second.leases.iter().all(|lease| lease.epoch == Epoch(2)));
    assert_eq!(write(&second, 3).await.map(|at| at.first), Ok(3));
    release(two, &all).await;
    // The first node's committer last saw position 2.
    let first = cluster.shop(0, cluster.acquire_all(0, one, None).await);
    assert_eq!(write(&first, 4).await.map(|at| at.first), Ok(4));
    assert_eq!(last_position(&cluster, 1).await, 4);
}

/// A committer raises the epoch of its shards when it has lost the response of a commit.
pub(crate) async fn epoch_bump_by_the_owner_does_not_keep_a_shard(cluster: Cluster) {
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let acquired = cluster.acquire_all(0, one, None).await;
    let ownership = &cluster.stores[0].ownership;
    let raised = ownership.claim(one, &[ShardId(0), ShardId(7)]).await;
    let raised = raised.expect("raises");
    assert!(raised.iter().all(|lease| lease.epoch == Epoch(2)));
    let shop = cluster.shop(0, raised);
    write(&shop, 0)
        .await
        .expect("it continues under the new epoch");
    assert!(cluster.fence(one, 0).await);
    let next = cluster.acquire_all(1, two, Some(one)).await;
    assert_eq!(next.len(), acquired.len());
    for lease in next {
        let raised = [ShardId(0), ShardId(7)].contains(&lease.shard);
        assert_eq!(lease.epoch, Epoch(if raised { 3 } else { 2 }));
    }
    let deposed = write(&shop, 1).await;
    assert_eq!(deposed, Err(AppendError::Fenced(ShardId(0))));
}
