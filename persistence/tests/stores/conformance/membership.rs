//! The table of nodes: a name belongs to one run of a node, a heartbeat and a fencing never both
//! succeed, and the version advances with every change.

use std::collections::BTreeSet;
use std::time::Duration;

use fritzy_types::{Epoch, JoinError, NodeId, NodeRecord, ShardId, ShardOwner};

use crate::conformance::cluster::{Cluster, SHARDS, new_node};
use crate::fixture::{TEST_TIMEOUT, node};

pub(crate) async fn node_name_is_taken_until_fenced_or_left(cluster: Cluster) {
    let members = cluster.members();
    let (first, second) = (new_node(1, "kiosk"), new_node(2, "kiosk"));
    members.join(&first).await.expect("joins");
    members.join(&first).await.expect("joining is idempotent");
    assert!(members.heartbeat(first.id).await.expect("succeeds"));
    let taken = cluster.members_of(1).join(&second).await;
    let present = NodeRecord {
        node: first.clone(),
        heartbeat: 1,
        fenced: false,
        draining: false,
    };
    assert_eq!(taken, Err(JoinError::NameTaken(Box::new(present.clone()))));
    members.join(&new_node(3, "Kiosk")).await.expect("another");

    assert!(cluster.fence(first.id, 1).await);
    members.join(&second).await.expect("the name is free again");
    let nodes = cluster.state().await.nodes;
    let fenced = NodeRecord {
        fenced: true,
        ..present
    };
    assert_eq!(nodes.len(), 3);
    assert_eq!(nodes[0], fenced);
    assert_eq!((&nodes[1].node, nodes[1].heartbeat), (&second, 0));

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
    // A fenced run cannot rejoin under any name.
    let rejoined = members.join(&new_node(1, "another")).await;
    assert!(matches!(rejoined, Err(JoinError::Read(_))), "{rejoined:?}");
}

pub(crate) async fn heartbeats_count_until_fenced_or_left(cluster: Cluster) {
    let (first, second) = (cluster.join(1).await, cluster.join(2).await);
    let members = cluster.members();
    let heartbeats = async || {
        let watched = [first, second, node(9)];
        let snapshot = cluster.members_of(1).read_state(None, &watched).await;
        let heartbeats = snapshot.expect("reads").heartbeats.into_iter();
        heartbeats.collect::<BTreeSet<_>>()
    };
    for heartbeat in 1..=3 {
        assert!(members.heartbeat(first).await.expect("succeeds"));
        assert_eq!(heartbeats().await, [(first, heartbeat), (second, 0)].into());
    }
    assert!(
        !members.heartbeat(node(9)).await.expect("succeeds"),
        "unknown"
    );
    assert!(cluster.fence(first, 3).await);
    assert!(!members.heartbeat(first).await.expect("succeeds"), "fenced");
    assert_eq!(heartbeats().await, [(second, 0)].into());
    members.leave(second).await.expect("leaves");
    assert!(!members.heartbeat(second).await.expect("succeeds"), "left");
    assert_eq!(heartbeats().await, [].into());
}

pub(crate) async fn i3_fence_requires_the_observed_heartbeat(cluster: Cluster) {
    let id = cluster.join(1).await;
    assert!(cluster.members().heartbeat(id).await.expect("succeeds"));
    assert!(!cluster.fence(id, 0).await, "it sent a heartbeat since");
    assert!(!cluster.fence(id, 2).await, "it has not sent that many");
    assert!(cluster.members().heartbeat(id).await.expect("succeeds"));
    let ages = async || cluster.members().fenced_for().await.expect("reads");
    assert_eq!(ages().await, [], "no node is fenced");
    assert!(cluster.fence(id, 2).await);
    assert!(cluster.fence(id, 0).await, "it is fenced already");
    assert!(cluster.fence(node(9), 0).await, "it is gone");
    let fenced = &cluster.state().await.nodes[0];
    assert!(fenced.fenced && fenced.heartbeat == 2, "{fenced:?}");
    let [(whose, first)] = ages().await[..] else {
        panic!("one is fenced")
    };
    assert_eq!(whose, id);
    let [(_, second)] = ages().await[..] else {
        panic!("it stays fenced")
    };
    assert!(first <= second && second < Duration::from_secs(60));
}

/// A node sends a heartbeat while two others fence it at the one before, many times.
pub(crate) async fn i3_heartbeat_and_fence_never_both_succeed(cluster: Cluster) {
    let mut number = 1;
    let (mut id, mut heartbeat) = (cluster.join(number).await, 0);
    let mut fencings = 0;
    for round in 0..300_u32 {
        let [first, second] = [0, 1].map(|stores| {
            let membership = cluster.stores[stores].membership.clone();
            let membership = membership.expect("shared by several nodes");
            tokio::spawn(async move { membership.fence(id, heartbeat).await })
        });
        if round % 3 == 0 {
            tokio::task::yield_now().await;
        }
        let accepted = cluster.members().heartbeat(id).await.expect("succeeds");
        for fenced in [first, second] {
            let fenced = fenced.await.expect("no panic").expect("succeeds");
            assert_ne!(fenced, accepted, "round {round}: one of them succeeds");
        }
        let nodes = cluster.state().await.nodes;
        let record = nodes.iter().find(|record| record.node.id == id);
        let record = record.expect("it has not left");
        assert_eq!(record.fenced, !accepted);
        assert_eq!(record.heartbeat, heartbeat + u64::from(accepted));
        heartbeat = record.heartbeat;
        if record.fenced {
            fencings += 1;
            number += 1;
            (id, heartbeat) = (cluster.join(number).await, 0);
        }
    }
    assert!(fencings > 0, "at least one fencing was faster");
}

pub(crate) async fn version_advances_with_changes_but_not_heartbeats(cluster: Cluster) {
    let members = cluster.members();
    let mut last = cluster.version().await;
    let mut advances = async |by: u64, what: &str| {
        let version = cluster.version().await;
        assert_eq!(version - last, by, "{what}");
        last = version;
    };
    let (one, two) = (cluster.join(1).await, cluster.join(2).await);
    advances(2, "two have joined").await;
    let refused = members.join(&new_node(3, "node-1")).await;
    assert!(matches!(refused, Err(JoinError::NameTaken(_))));
    advances(0, "no node has joined").await;
    members.set_draining(one, true).await.expect("marks");
    advances(1, "one drains").await;
    assert!(cluster.state().await.nodes[0].draining);
    members.set_draining(one, true).await.expect("marks");
    members.set_draining(node(9), true).await.expect("ignored");
    advances(0, "it drained already").await;
    members.set_draining(one, false).await.expect("marks");
    advances(1, "it no longer drains").await;
    assert!(!cluster.state().await.nodes[0].draining);
    for _ in 0..3 {
        assert!(members.heartbeat(one).await.expect("succeeds"));
    }
    advances(0, "heartbeats").await;
    assert_eq!(cluster.acquire_all(0, one, None).await.len(), 64);
    advances(1, "shards were acquired").await;
    assert_eq!(cluster.acquire_all(0, two, Some(one)).await, []);
    members.release(two, &[ShardId(1)]).await.expect("ignored");
    advances(0, "nothing was acquired or released").await;
    members
        .release(one, &[ShardId(1), ShardId(2)])
        .await
        .expect("releases");
    advances(1, "shards were released").await;
    let claimed = cluster.stores[0].ownership.claim(one, &[ShardId(0)]).await;
    assert_eq!(claimed.expect("raises")[0].epoch, Epoch(2));
    advances(0, "an owner has raised an epoch").await;
    assert!(!cluster.fence(one, 0).await);
    advances(0, "no node is fenced").await;
    assert!(cluster.fence(one, 3).await && cluster.fence(one, 3).await);
    advances(1, "one is fenced").await;
    members.leave(two).await.expect("leaves");
    members.leave(two).await.expect("has left");
    advances(1, "one has left").await;
}

pub(crate) async fn read_state_returns_everything_for_an_unknown_version(cluster: Cluster) {
    let id = cluster.join(1).await;
    let members = cluster.members();
    let first = members.read_state(None, &[]).await.expect("reads");
    assert_eq!(first.heartbeats, []);
    let state = first.state.expect("no version was known");
    assert_eq!(state.nodes.len(), 1);
    let free = |shard| ShardOwner {
        shard: ShardId(shard),
        owner: None,
        epoch: Epoch(0),
    };
    assert_eq!(state.shards, (0..SHARDS).map(free).collect::<Vec<_>>());

    let known = Some(first.version);
    let again = members.read_state(known, &[id]).await.expect("reads");
    assert_eq!((again.version, again.state), (first.version, None));
    assert_eq!(again.heartbeats, [(id, 0)]);

    let acquired = members.acquire(id, &[(ShardId(3), None)]).await;
    assert_eq!(acquired.expect("acquires").len(), 1);
    let changed = cluster.members_of(1).read_state(known, &[id]).await;
    let changed = changed.expect("reads");
    assert!(changed.version > first.version);
    let shards = changed.state.expect("the version has advanced").shards;
    assert_eq!(shards.len(), usize::from(SHARDS));
    assert_eq!((shards[3].owner, shards[3].epoch), (Some(id), Epoch(1)));
    assert_eq!(shards[4], free(4));
    // A version that never existed counts as none.
    let unknown = members.read_state(Some(1 << 40), &[]).await.expect("reads");
    assert!(unknown.state.is_some());
}

/// A shard is acquired and released repeatedly, which advances the version by one each time, while
/// another node reads.
pub(crate) async fn state_is_never_older_than_its_version(cluster: Cluster) {
    const TIMES: u64 = 150;
    let id = cluster.join(1).await;
    let before = cluster.version().await;
    let changing = async {
        let members = cluster.members();
        for _ in 0..TIMES {
            let acquired = members.acquire(id, &[(ShardId(0), None)]).await;
            assert_eq!(acquired.expect("acquires").len(), 1);
            let released = members.release(id, &[ShardId(0)]).await;
            released.expect("releases");
        }
    };
    let reading = async {
        let mut last = 0;
        while last < before + 2 * TIMES {
            let snapshot = cluster.members_of(1).read_state(None, &[]).await;
            let snapshot = snapshot.expect("reads");
            let shard = snapshot.state.expect("no version was known").shards[0];
            let changes = snapshot.version - before;
            assert!(shard.epoch.0 >= changes.div_ceil(2), "{changes}: {shard:?}");
            assert!(snapshot.version >= last, "versions only advance");
            last = snapshot.version;
        }
    };
    let both = async { tokio::join!(changing, reading) };
    let both = tokio::time::timeout(TEST_TIMEOUT, both).await;
    both.expect("the version advances with each change");
}
