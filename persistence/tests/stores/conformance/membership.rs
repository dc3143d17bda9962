//! The table of nodes: a name is one run's, a beat and a fencing never both count, a version tells of every change.

use std::collections::BTreeSet;
use std::time::Duration;

use fritzy_types::{Epoch, JoinError, NodeId, NodeRecord, ShardId, ShardOwner};

use crate::conformance::cluster::{Cluster, PATIENT, SHARDS, new_node};
use crate::fixture::node;

pub(crate) async fn a_name_is_one_run_s_until_that_is_fenced_or_has_left(cluster: Cluster) {
    let members = cluster.members();
    let (first, second) = (new_node(1, "kiosk"), new_node(2, "kiosk"));
    members.join(&first).await.expect("joins");
    members.join(&first).await.expect("an answer was lost");
    assert!(members.heartbeat(first.id).await.expect("answers"));
    let taken = cluster.members_of(1).join(&second).await;
    let there = NodeRecord {
        node: first.clone(),
        beat: 1,
        fenced: false,
        draining: false,
    };
    assert_eq!(taken, Err(JoinError::NameTaken(Box::new(there.clone()))));
    members.join(&new_node(3, "Kiosk")).await.expect("another");

    assert!(cluster.fence(first.id, 1).await);
    members.join(&second).await.expect("the name is free again");
    let nodes = cluster.state().await.nodes;
    let fenced = NodeRecord {
        fenced: true,
        ..there
    };
    assert_eq!(nodes.len(), 3);
    assert_eq!(nodes[0], fenced);
    assert_eq!((&nodes[1].node, nodes[1].beat), (&second, 0));

    members.leave(second.id).await.expect("leaves");
    let alone = new_node(4, "kiosk");
    let alone = fritzy_types::NewNode {
        address: None,
        ..alone
    };
    members.join(&alone).await.expect("free again");
    let nodes = cluster.state().await.nodes;
    let ids: Vec<NodeId> = nodes.iter().map(|record| record.node.id).collect();
    assert_eq!(ids, [node(1), node(3), node(4)]);
    assert_eq!(nodes[2].node, alone);
    // A fenced run does not come back, whatever name it takes.
    let back = members.join(&new_node(1, "another")).await;
    assert!(matches!(back, Err(JoinError::Read(_))), "{back:?}");
}

pub(crate) async fn a_node_renews_until_it_is_fenced_or_has_left(cluster: Cluster) {
    let (first, second) = (cluster.join(1).await, cluster.join(2).await);
    let members = cluster.members();
    let beats = async || {
        let watched = [first, second, node(9)];
        let looked = cluster.members_of(1).read_state(None, &watched).await;
        looked
            .expect("looks")
            .beats
            .into_iter()
            .collect::<BTreeSet<_>>()
    };
    for beat in 1..=3 {
        assert!(members.heartbeat(first).await.expect("answers"));
        assert_eq!(beats().await, [(first, beat), (second, 0)].into());
    }
    assert!(
        !members.heartbeat(node(9)).await.expect("answers"),
        "unknown"
    );
    assert!(cluster.fence(first, 3).await);
    assert!(!members.heartbeat(first).await.expect("answers"), "fenced");
    assert_eq!(beats().await, [(second, 0)].into());
    members.leave(second).await.expect("leaves");
    assert!(!members.heartbeat(second).await.expect("answers"), "left");
    assert_eq!(beats().await, [].into());
}

pub(crate) async fn a_fencing_needs_the_beat_that_was_seen(cluster: Cluster) {
    let id = cluster.join(1).await;
    assert!(cluster.members().heartbeat(id).await.expect("answers"));
    assert!(!cluster.fence(id, 0).await, "it has renewed since");
    assert!(!cluster.fence(id, 2).await, "it has not come that far");
    assert!(cluster.members().heartbeat(id).await.expect("it lives"));
    let ages = async || cluster.members().fenced_for().await.expect("answers");
    assert_eq!(ages().await, [], "nobody is fenced");
    assert!(cluster.fence(id, 2).await);
    assert!(cluster.fence(id, 0).await, "it is fenced already");
    assert!(cluster.fence(node(9), 0).await, "it is gone");
    let fenced = &cluster.state().await.nodes[0];
    assert!(fenced.fenced && fenced.beat == 2, "{fenced:?}");
    let [(whose, first)] = ages().await[..] else {
        panic!("one is fenced")
    };
    assert_eq!(whose, id);
    let [(_, second)] = ages().await[..] else {
        panic!("and stays so")
    };
    assert!(first <= second && second < Duration::from_secs(60));
}

/// One renews and two fence it at the beat before, at the same moment, many times.
pub(crate) async fn a_renewal_and_a_fencing_never_both_count(cluster: Cluster) {
    let mut number = 1;
    let (mut id, mut beat) = (cluster.join(number).await, 0);
    let mut fencings = 0;
    for round in 0..300_u32 {
        let [first, second] = [0, 1].map(|stores| {
            let membership = cluster.stores[stores].membership.clone();
            let membership = membership.expect("shared by several nodes");
            tokio::spawn(async move { membership.fence(id, beat).await })
        });
        if round % 3 == 0 {
            tokio::task::yield_now().await;
        }
        let renewed = cluster.members().heartbeat(id).await.expect("answers");
        for fenced in [first, second] {
            let fenced = fenced.await.expect("no panic").expect("answers");
            assert_ne!(fenced, renewed, "round {round}: one of them counts");
        }
        let nodes = cluster.state().await.nodes;
        let record = nodes.iter().find(|record| record.node.id == id);
        let record = record.expect("it has not left");
        assert_eq!(record.fenced, !renewed);
        assert_eq!(record.beat, beat + u64::from(renewed));
        beat = record.beat;
        if record.fenced {
            fencings += 1;
            number += 1;
            (id, beat) = (cluster.join(number).await, 0);
        }
    }
    assert!(fencings > 0, "a fencing was faster at least once");
}

pub(crate) async fn versions_move_with_changes_and_not_with_renewals(cluster: Cluster) {
    let members = cluster.members();
    let mut last = cluster.version().await;
    let mut moved = async |by: u64, what: &str| {
        let version = cluster.version().await;
        assert_eq!(version - last, by, "{what}");
        last = version;
    };
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    moved(2, "two have joined").await;
    let refused = members.join(&new_node(3, "node-1")).await;
    assert!(matches!(refused, Err(JoinError::NameTaken(_))));
    moved(0, "nobody has joined").await;
    members.set_draining(one, true).await.expect("marks");
    moved(1, "one drains").await;
    assert!(cluster.state().await.nodes[0].draining);
    members.set_draining(one, true).await.expect("marks");
    members.set_draining(node(9), true).await.expect("nobody");
    moved(0, "it drained before").await;
    members.set_draining(one, false).await.expect("marks");
    moved(1, "it drains no more").await;
    assert!(!cluster.state().await.nodes[0].draining);
    for _ in 0..3 {
        assert!(members.heartbeat(one).await.expect("answers"));
    }
    moved(0, "renewals").await;
    assert_eq!(cluster.take_all(0, one, None).await.len(), 64);
    moved(1, "shards were taken").await;
    assert_eq!(cluster.take_all(0, two, Some(one)).await, []);
    members.release(two, &[ShardId(1)]).await.expect("none");
    moved(0, "nothing was taken or given").await;
    members
        .release(one, &[ShardId(1), ShardId(2)])
        .await
        .expect("gives");
    moved(1, "shards were given back").await;
    let claimed = cluster.stores[0].ownership.claim(one, &[ShardId(0)]).await;
    assert_eq!(claimed.expect("raises")[0].epoch, Epoch(2));
    moved(0, "an owner has raised an epoch").await;
    assert!(!cluster.fence(one, 0).await);
    moved(0, "nobody is fenced").await;
    assert!(cluster.fence(one, 3).await && cluster.fence(one, 3).await);
    moved(1, "one is fenced").await;
    members.leave(two).await.expect("leaves");
    members.leave(two).await.expect("has left");
    moved(1, "one has left").await;
}

pub(crate) async fn a_look_tells_the_whole_when_it_is_not_known(cluster: Cluster) {
    let id = cluster.join(1).await;
    let members = cluster.members();
    let first = members.read_state(None, &[]).await.expect("looks");
    assert_eq!(first.beats, []);
    let state = first.state.expect("nothing was known");
    assert_eq!(state.nodes.len(), 1);
    let free = |shard| ShardOwner {
        shard: ShardId(shard),
        owner: None,
        epoch: Epoch(0),
    };
    assert_eq!(state.shards, (0..SHARDS).map(free).collect::<Vec<_>>());

    let known = Some(first.version);
    let again = members.read_state(known, &[id]).await.expect("looks");
    assert_eq!((again.version, again.state), (first.version, None));
    assert_eq!(again.beats, [(id, 0)]);

    let taken = members.acquire(id, &[(ShardId(3), None)]).await;
    assert_eq!(taken.expect("takes").len(), 1);
    let look = cluster.members_of(1).read_state(known, &[id]).await;
    let look = look.expect("looks");
    assert!(look.version > first.version);
    let shards = look.state.expect("it is another version").shards;
    assert_eq!(shards.len(), usize::from(SHARDS));
    assert_eq!((shards[3].owner, shards[3].epoch), (Some(id), Epoch(1)));
    assert_eq!(shards[4], free(4));
    // A version that was never there is as good as none.
    let look = members.read_state(Some(1 << 40), &[]).await.expect("looks");
    assert!(look.state.is_some());
}

/// A shard is taken and given back again and again, which moves the version by one each time, while others look.
pub(crate) async fn a_state_is_never_older_than_its_version(cluster: Cluster) {
    const TIMES: u64 = 150;
    let id = cluster.join(1).await;
    let before = cluster.version().await;
    let changing = async {
        let members = cluster.members();
        for _ in 0..TIMES {
            let taken = members.acquire(id, &[(ShardId(0), None)]).await;
            assert_eq!(taken.expect("takes").len(), 1);
            let given = members.release(id, &[ShardId(0)]).await;
            given.expect("gives back");
        }
    };
    let looking = async {
        let mut last = 0;
        while last < before + 2 * TIMES {
            let look = cluster
                .members_of(1)
                .read_state(None, &[])
                .await
                .expect("looks");
            let shard = look.state.expect("nothing was known").shards[0];
            let counted = look.version - before;
            assert!(shard.epoch.0 >= counted.div_ceil(2), "{counted}: {shard:?}");
            assert!(look.version >= last, "versions go forward");
            last = look.version;
        }
    };
    let both = async { tokio::join!(changing, looking) };
    let both = tokio::time::timeout(PATIENT, both).await;
    both.expect("the version moves with each change");
}
