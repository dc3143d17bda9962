//! Taking shards from those that are gone, and giving them back: one owner at a time, who goes on where the last one
//! stopped (I2, I3).

use std::collections::BTreeMap;

use fritzy_domain::AppendError;
use fritzy_types::{Epoch, NodeId, ShardId, ShardLease};

use crate::conformance::cluster::{Cluster, SHARDS, write};
use crate::fixture::node;

/// Positions of shard 0, which are 1, 2, 3 … (I2).
async fn last_position(cluster: &Cluster, stores: usize) -> u64 {
    let journal = &cluster.stores[stores].journal;
    let events = journal.read_shard(ShardId(0), 0, 10_000).await;
    let events = events.expect("reads");
    for (expected, recorded) in (1..).zip(&events) {
        assert_eq!(recorded.position, expected);
    }
    events.len() as u64
}

pub(crate) async fn a_shard_is_taken_from_the_owner_that_was_seen_if_that_is_gone(
    cluster: Cluster,
) {
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let members = cluster.members();
    let take = async |owner: NodeId, seen: &[(u16, Option<NodeId>)]| {
        let seen: Vec<_> = seen
            .iter()
            .map(|(s, owner)| (ShardId(*s), *owner))
            .collect();
        let taken = members.acquire(owner, &seen).await.expect("takes");
        let of = |lease: &ShardLease| {
            assert_eq!(lease.owner, owner);
            (lease.shard.0, lease.epoch.0)
        };
        taken.iter().map(of).collect::<Vec<_>>()
    };
    let nobody: [(u16, u64); 0] = [];
    assert_eq!(take(one, &[]).await, nobody);
    let asked = [(3, None), (1, None), (0, Some(two)), (3, None)];
    assert_eq!(take(one, &asked).await, [(1, 1), (3, 1)], "in order, once");
    assert_eq!(take(two, &[(1, None)]).await, nobody, "it has an owner");
    assert_eq!(take(two, &[(1, Some(one))]).await, nobody, "it lives");
    assert_eq!(take(one, &[(1, Some(one))]).await, nobody, "it lives");
    assert_eq!(take(two, &[(1, Some(node(9)))]).await, nobody, "another's");

    assert!(cluster.fence(one, 0).await);
    assert_eq!(take(one, &[(2, None)]).await, nobody, "a fenced taker");
    assert_eq!(take(node(8), &[(2, None)]).await, nobody, "not a node");
    assert_eq!(take(two, &[(1, None)]).await, nobody, "not as seen");
    assert_eq!(take(two, &[(1, Some(one))]).await, [(1, 2)]);
    // Who has left is as gone as who was fenced.
    members.leave(two).await.expect("leaves");
    let three = cluster.join(3).await;
    let asked = [(1, Some(two)), (3, Some(one)), (5, Some(two))];
    assert_eq!(take(three, &asked).await, [(1, 3), (3, 2)]);
}

/// Round after round the owners are fenced, and two others take all they had, at the same moment.
pub(crate) async fn two_that_take_at_once_share_what_there_is(cluster: Cluster) {
    let mut owners: BTreeMap<ShardId, (Option<NodeId>, Epoch)> = (0..SHARDS)
        .map(|shard| (ShardId(shard), (None, Epoch(0))))
        .collect();
    for round in 0..20 {
        let takers = [
            cluster.join(10 + 2 * round).await,
            cluster.join(11 + 2 * round).await,
        ];
        let seen: Vec<_> = owners.iter().map(|(s, (owner, _))| (*s, *owner)).collect();
        let [first, second] = [0, 1].map(|stores| {
            let membership = cluster.stores[stores].membership.clone();
            let membership = membership.expect("shared by several nodes");
            let (taker, seen) = (takers[stores], seen.clone());
            tokio::spawn(async move { membership.acquire(taker, &seen).await })
        });
        let mut taken = first.await.expect("no panic").expect("takes");
        taken.extend(second.await.expect("no panic").expect("takes"));
        assert_eq!(taken.len(), usize::from(SHARDS), "round {round}: each once");
        for ShardLease {
            shard,
            owner,
            epoch,
        } in taken
        {
            let before = owners.insert(shard, (Some(owner), epoch));
            let (before, _) = (before.expect("one of them").1, ());
            assert_eq!(epoch.0, before.0 + 1, "round {round}: {shard:?} once");
        }
        for shard in cluster.state().await.shards {
            assert_eq!(owners[&shard.shard], (shard.owner, shard.epoch));
        }
        for taker in takers {
            assert!(cluster.fence(taker, 0).await);
        }
    }
}

pub(crate) async fn a_deposed_node_writes_no_more_and_the_next_goes_on(cluster: Cluster) {
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let first = cluster.shop(0, cluster.take_all(0, one, None).await);
    for number in 0..3 {
        write(&first, number).await.expect("the owner writes");
    }
    assert_eq!(cluster.take_all(1, two, Some(one)).await, []);
    write(&first, 3).await.expect("it owns its shards still");
    assert!(cluster.fence(one, 0).await);
    write(&first, 4).await.expect("until they are taken");
    let second = cluster.shop(1, cluster.take_all(1, two, Some(one)).await);
    let deposed = write(&first, 5).await;
    assert_eq!(deposed, Err(AppendError::Fenced(ShardId(0))));
    assert_eq!(write(&second, 6).await.map(|at| at.first), Ok(6));
    assert_eq!(last_position(&cluster, 1).await, 6);
}

/// The shards are taken while their owner writes: what was acknowledged is there, and nothing is written twice over.
pub(crate) async fn shards_are_taken_in_the_midst_of_writing(cluster: Cluster) {
    const EACH: u128 = 400;
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let first = cluster.shop(0, cluster.take_all(0, one, None).await);
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
    let taking = async {
        let second = cluster.shop(1, cluster.take_all(1, two, Some(one)).await);
        let mut firsts = Vec::new();
        for number in EACH..EACH + 20 {
            firsts.push(write(&second, number).await.expect("the new owner").first);
        }
        firsts
    };
    let (acknowledged, firsts) = tokio::join!(writing, taking);
    let expected: Vec<u64> = (acknowledged + 1..=acknowledged + 20).collect();
    assert_eq!(firsts, expected, "it goes on behind the last of the others");
    assert_eq!(last_position(&cluster, 0).await, acknowledged + 20);
}

pub(crate) async fn what_was_given_back_is_anybody_s(cluster: Cluster) {
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let all: Vec<ShardId> = (0..SHARDS).map(ShardId).collect();
    let release = async |owner, shards: &[ShardId]| {
        let given = cluster.members().release(owner, shards).await;
        given.expect("gives back");
    };
    let first = cluster.shop(0, cluster.take_all(0, one, None).await);
    write(&first, 0).await.expect("the owner writes");
    release(two, &all).await;
    write(&first, 1).await.expect("another gave nothing back");
    release(one, &[]).await;
    release(one, &all).await;
    release(one, &all).await;
    let given = cluster.state().await.shards;
    let free = |shard: &fritzy_types::ShardOwner| shard.owner.is_none() && shard.epoch == Epoch(1);
    assert!(given.iter().all(free), "{given:?}");
    let gave = write(&first, 2).await;
    assert_eq!(gave, Err(AppendError::Fenced(ShardId(0))));

    let second = cluster.shop(1, cluster.take_all(1, two, None).await);
    assert!(second.leases.iter().all(|lease| lease.epoch == Epoch(2)));
    assert_eq!(write(&second, 3).await.map(|at| at.first), Ok(3));
    release(two, &all).await;
    // The first one's committer has counted to 2.
    let first = cluster.shop(0, cluster.take_all(0, one, None).await);
    assert_eq!(write(&first, 4).await.map(|at| at.first), Ok(4));
    assert_eq!(last_position(&cluster, 1).await, 4);
}

/// As a committer does that has lost an answer.
pub(crate) async fn an_epoch_that_its_owner_raised_does_not_keep_a_shard(cluster: Cluster) {
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    let taken = cluster.take_all(0, one, None).await;
    let ownership = &cluster.stores[0].ownership;
    let raised = ownership.claim(one, &[ShardId(0), ShardId(7)]).await;
    let raised = raised.expect("raises");
    assert!(raised.iter().all(|lease| lease.epoch == Epoch(2)));
    let shop = cluster.shop(0, raised);
    write(&shop, 0).await.expect("it goes on under the new one");
    assert!(cluster.fence(one, 0).await);
    let next = cluster.take_all(1, two, Some(one)).await;
    assert_eq!(next.len(), taken.len());
    for lease in next {
        let raised = [ShardId(0), ShardId(7)].contains(&lease.shard);
        assert_eq!(lease.epoch, Epoch(if raised { 3 } else { 2 }));
    }
    let deposed = write(&shop, 1).await;
    assert_eq!(deposed, Err(AppendError::Fenced(ShardId(0))));
}
