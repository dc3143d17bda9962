//! Builds the responses from the tables and from the state of the called node.

use std::collections::HashMap;
use std::time::Duration;

use fritzy_cluster::{MemberStatus, PeerStatus, ShardLocation, ShardMap, assign, preference};
use fritzy_domain::Generation;
use fritzy_types::{ClusterState, NodeId, NodeRecord, Roles, ShardId, rfc3339};

use super::views::{
    CalledNodeView, ClusterView, DeadNodeView, GenerationView, LostView, NodeName, NodeView,
    ObservedOwner, ObservedShardView, ShardList, ShardView, ShardsView,
};

/// Preferred nodes of a shard shown at most: where it would go if the first ones failed.
const PREFERS_MAX: usize = 5;
/// Shards with lost events shown at most; the table `generation_shard` has all of them.
const LOST_MAX: usize = 100;

/// The state of the called node.
pub(super) struct NodeSnapshot<'s> {
    pub(super) name: &'s str,
    pub(super) status: MemberStatus,
    pub(super) lease: Option<Duration>,
    pub(super) map: &'s ShardMap,
    /// Why the tables are those of its last poll.
    pub(super) failure: Option<String>,
}

pub(super) fn cluster_view(
    snapshot: &NodeSnapshot<'_>,
    state: &ClusterState,
    fenced_for: &HashMap<NodeId, Duration>,
) -> ClusterView {
    let owned = owned(state);
    let peers: HashMap<NodeId, &PeerStatus> = snapshot
        .status
        .peers
        .iter()
        .map(|peer| (peer.node, peer))
        .collect();
    let silent = &snapshot.status.silent;
    let node = |record: &NodeRecord| {
        let silent = silent.iter().find(|peer| peer.node == record.node.id);
        NodeView {
            unreached_ms: silent.map(|peer| millis(peer.since)),
            ..node_view(record, snapshot.status.me, &owned, &peers)
        }
    };
    let (fenced, live): (Vec<_>, Vec<_>) = state.nodes.iter().partition(|record| record.fenced);
    let mut nodes: Vec<NodeView> = live.into_iter().map(node).collect();
    nodes.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    let unowned = state
        .shards
        .iter()
        .filter(|shard| !shard.owner.is_some_and(|owner| is_live(state, owner)));
    ClusterView {
        asked: called_node_view(snapshot),
        shards: ShardsView {
            count: state.shards.len(),
            unowned: ShardList::of(unowned.map(|shard| shard.shard.0)),
        },
        nodes,
        gone: dead_node_views(fenced, &owned, fenced_for),
        generation: None,
    }
}

pub(super) fn generation_view(generation: &Generation) -> GenerationView {
    let shards = generation.shards.iter();
    let lost = shards.filter(|(_, start)| start.lost_events() > 0);
    GenerationView {
        number: generation.number,
        id: generation.id.to_string(),
        began: rfc3339(generation.began),
        lost_events: lost.clone().map(|(_, start)| start.lost_events()).sum(),
        lost: lost
            .take(LOST_MAX)
            .map(|(shard, start)| LostView {
                shard: shard.0,
                kept: start.kept,
                lost: start.lost,
            })
            .collect(),
    }
}

fn dead_node_views(
    fenced: Vec<&NodeRecord>,
    owned: &HashMap<NodeId, usize>,
    fenced_for: &HashMap<NodeId, Duration>,
) -> Vec<DeadNodeView> {
    let gone = |record: &NodeRecord| {
        let node = &record.node;
        DeadNodeView {
            name: node.name.clone(),
            id: node.id.to_string(),
            address: node.address.clone(),
            shards: owned.get(&node.id).copied().unwrap_or_default(),
            fenced_ms_ago: fenced_for.get(&node.id).map(|age| millis(*age)),
        }
    };
    let mut gone: Vec<DeadNodeView> = fenced.into_iter().map(gone).collect();
    gone.sort_by(|one, other| {
        let key = |view: &DeadNodeView| (view.fenced_ms_ago.unwrap_or(u64::MAX), view.id.clone());
        key(one).cmp(&key(other))
    });
    gone
}

fn called_node_view(snapshot: &NodeSnapshot<'_>) -> CalledNodeView {
    let status = &snapshot.status;
    let mut moving: Vec<u16> = status.moving.iter().map(|shard| shard.0).collect();
    moving.sort_unstable();
    let all = snapshot.map.count().all();
    let nowhere = all.filter(|shard| snapshot.map.location(*shard) == ShardLocation::Unassigned);
    CalledNodeView {
        name: snapshot.name.to_owned(),
        id: status.me.map(|me| me.to_string()),
        lease_ms: snapshot.lease.map(millis),
        looked_ms_ago: status.polled_at.map(|looked| millis(looked.elapsed())),
        tables_failure: snapshot.failure.clone(),
        running: status.running,
        moving: ShardList::of(moving),
        nowhere: ShardList::of(nowhere.map(|shard| shard.0)),
    }
}

fn node_view(
    record: &NodeRecord,
    me: Option<NodeId>,
    owned: &HashMap<NodeId, usize>,
    peers: &HashMap<NodeId, &PeerStatus>,
) -> NodeView {
    let (node, peer) = (&record.node, peers.get(&record.node.id));
    NodeView {
        name: node.name.clone(),
        id: node.id.to_string(),
        address: node.address.clone(),
        roles: roles(node.roles),
        program: node.program.clone(),
        wire_min: node.wire_min,
        wire_max: node.wire_max,
        shards: owned.get(&node.id).copied().unwrap_or_default(),
        draining: record.draining,
        beat: record.heartbeat,
        asked: me == Some(node.id),
        connected: peer.is_some(),
        round_trip_us: peer
            .and_then(|peer| peer.round_trip)
            .map(|trip| u64::try_from(trip.as_micros()).unwrap_or(u64::MAX)),
        silent_ms: peer.map(|peer| millis(peer.silent_for)),
        unreached_ms: None,
    }
}

pub(super) fn shard_view(
    snapshot: &NodeSnapshot<'_>,
    state: &ClusterState,
    shard: ShardId,
) -> ShardView {
    let row = state.shards.get(usize::from(shard.0));
    let owner = row.and_then(|row| row.owner);
    let owning: Vec<NodeId> = state
        .nodes
        .iter()
        .filter(|record| may_own(record))
        .map(|record| record.node.id)
        .collect();
    let placed = assign(u32::from(snapshot.map.count().get()), &owning);
    let belongs = placed.get(usize::from(shard.0)).copied().flatten();
    let (place, node) = match snapshot.map.location(shard) {
        ShardLocation::Local => (ObservedOwner::Here, None),
        ShardLocation::Remote(node) => (ObservedOwner::Elsewhere, Some(named(state, node))),
        ShardLocation::Unassigned => (ObservedOwner::Nowhere, None),
    };
    let prefers = preference(shard, &owning).into_iter().take(PREFERS_MAX);
    ShardView {
        entity: None,
        shard: shard.0,
        owner: owner.map(|owner| named(state, owner)),
        owner_lives: owner.is_some_and(|owner| is_live(state, owner)),
        epoch: row.map_or(0, |row| row.epoch.0),
        seen: ObservedShardView {
            by: snapshot.name.to_owned(),
            place,
            node,
            epoch: snapshot.map.owner(shard).1.0,
            moving: snapshot.status.moving.contains(&shard),
        },
        belongs: belongs.map(|node| named(state, node)),
        prefers: prefers.map(|node| named(state, node)).collect(),
    }
}

/// The name of a node, with its id.
pub(super) fn named(state: &ClusterState, id: NodeId) -> NodeName {
    let record = state.nodes.iter().find(|record| record.node.id == id);
    NodeName {
        name: record.map(|record| record.node.name.clone()),
        id: id.to_string(),
    }
}

/// The number of shards that a node owns.
pub(super) fn owned_by(state: &ClusterState, id: NodeId) -> usize {
    let owners = state.shards.iter().filter(|shard| shard.owner == Some(id));
    owners.count()
}

/// Whether another node can take the shards of this one.
pub(super) fn has_other_owner(state: &ClusterState, id: NodeId) -> bool {
    let mut others = state.nodes.iter().filter(|record| record.node.id != id);
    others.any(may_own)
}

/// Whether a node may own shards.
pub(super) fn may_own(record: &NodeRecord) -> bool {
    record.node.roles.entities && !record.fenced && !record.draining
}

fn owned(state: &ClusterState) -> HashMap<NodeId, usize> {
    let mut owned = HashMap::new();
    for owner in state.shards.iter().filter_map(|shard| shard.owner) {
        *owned.entry(owner).or_default() += 1;
    }
    owned
}

fn is_live(state: &ClusterState, id: NodeId) -> bool {
    let mut nodes = state.nodes.iter();
    nodes.any(|record| record.node.id == id && !record.fenced)
}

fn roles(roles: Roles) -> Vec<String> {
    let all = [
        (roles.gateway, "gateway"),
        (roles.entities, "entities"),
        (roles.projections, "projections"),
    ];
    let held = all.into_iter().filter(|(holds, _)| *holds);
    held.map(|(_, name)| name.to_owned()).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
