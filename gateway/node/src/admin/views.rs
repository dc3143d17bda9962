//! The JSON responses of the admin API; the command line parses them into the same types.

use serde::{Deserialize, Serialize};

/// The cluster, by the tables of nodes and shards, and as the called node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterView {
    pub(crate) asked: CalledNodeView,
    pub(crate) shards: ShardsView,
    /// Live incarnations, sorted by name.
    pub(crate) nodes: Vec<NodeView>,
    /// Incarnations declared dead, the latest first. Their rows remain until another node joins,
    /// ten minutes later at the earliest.
    pub(crate) gone: Vec<DeadNodeView>,
    /// The database's current generation; `None` when it could not be read.
    #[serde(default)]
    pub(crate) generation: Option<GenerationView>,
}

/// A generation of the database, and what was lost when it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GenerationView {
    /// 1 unless the database went backwards.
    pub(crate) number: u64,
    pub(crate) id: String,
    /// When it began, RFC 3339; by the database's clock.
    pub(crate) began: String,
    /// Acknowledged events known to be lost.
    pub(crate) lost_events: u64,
    /// Where they were; the first of them.
    pub(crate) lost: Vec<LostView>,
}

/// Lost events of one shard: those behind `kept`, up to `lost`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LostView {
    pub(crate) shard: u16,
    /// The last position that is still valid.
    pub(crate) kept: u64,
    /// The last position that is known to be lost.
    pub(crate) lost: u64,
}

/// The node that was called, by its own account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CalledNodeView {
    pub(crate) name: String,
    /// `None` while it is not a member.
    pub(crate) id: Option<String>,
    /// How long it may still serve from memory; `None` when its lease has lapsed.
    pub(crate) lease_ms: Option<u64>,
    /// The age of its last poll of the tables; `None` before the first.
    pub(crate) looked_ms_ago: Option<u64>,
    /// Why the tables could not be read for this response, which then shows the node's last poll.
    pub(crate) tables_failure: Option<String>,
    /// Number of shards running on it.
    pub(crate) running: usize,
    /// Shards that it is handing off.
    pub(crate) moving: ShardList,
    /// Shards without a known owner: requests to them wait.
    pub(crate) nowhere: ShardList,
}

/// All shards of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShardsView {
    pub(crate) count: usize,
    /// Those without a live owner.
    pub(crate) unowned: ShardList,
}

/// A set of shards: their count, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardList {
    pub(crate) count: usize,
    pub(crate) first: Vec<u16>,
}

/// A node. Round trip and silence are measured by the called node, as of its last poll of the
/// tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeView {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) address: Option<String>,
    pub(crate) roles: Vec<String>,
    /// Version of its binary.
    pub(crate) program: String,
    pub(crate) wire_min: u16,
    pub(crate) wire_max: u16,
    /// Number of shards that it owns.
    pub(crate) shards: usize,
    pub(crate) draining: bool,
    /// Number of its heartbeats.
    pub(crate) beat: u64,
    pub(crate) asked: bool,
    /// Whether the called node is connected to it.
    pub(crate) connected: bool,
    pub(crate) round_trip_us: Option<u64>,
    pub(crate) silent_ms: Option<u64>,
    /// For how long the called node has had no connection to it, although its heartbeat goes on;
    /// `None` below ten seconds.
    #[serde(default)]
    pub(crate) unreached_ms: Option<u64>,
}

/// An incarnation that was declared dead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadNodeView {
    /// A later incarnation may have the same name.
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) address: Option<String>,
    /// Number of its shards that no node has acquired yet.
    pub(crate) shards: usize,
    /// Time since then by the database's clock; `None` when it could not be read.
    pub(crate) fenced_ms_ago: Option<u64>,
}

/// The name and id of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeName {
    /// `None` when it is no longer in the table.
    pub(crate) name: Option<String>,
    pub(crate) id: String,
}

/// The result of draining or undraining a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DrainView {
    pub(crate) node: NodeName,
    pub(crate) draining: bool,
    /// Number of shards that it still owns.
    pub(crate) shards: usize,
}

/// The result of a rebalance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RebalancedView {
    /// Number of nodes notified.
    pub(crate) told: usize,
    /// Number of nodes that are not fenced.
    pub(crate) nodes: usize,
}

/// A shard, its owner and its preferred nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShardView {
    /// The entity whose shard was requested; `None` when the shard itself was.
    pub(crate) entity: Option<EntityView>,
    pub(crate) shard: u16,
    /// By the table; `owner_lives` says whether it is alive.
    pub(crate) owner: Option<NodeName>,
    pub(crate) owner_lives: bool,
    pub(crate) epoch: u64,
    pub(crate) seen: ObservedShardView,
    /// The node that it is assigned to by the placement.
    pub(crate) belongs: Option<NodeName>,
    /// The nodes in the order of its preference, regardless of their capacity.
    pub(crate) prefers: Vec<NodeName>,
}

/// The account, product or order with an id, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntityView {
    pub(crate) id: String,
    pub(crate) slot: u16,
    /// Whether the journal has events of it; `None` when it could not be read.
    pub(crate) exists: Option<bool>,
    /// `account`, `product` or `order`.
    pub(crate) kind: Option<String>,
    /// Why the journal could not be read.
    pub(crate) journal_failure: Option<String>,
}

/// A shard, as the called node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObservedShardView {
    pub(crate) by: String,
    pub(crate) place: ObservedOwner,
    /// Its owner, when that is another node.
    pub(crate) node: Option<NodeName>,
    pub(crate) epoch: u64,
    /// Whether the called node is handing it off.
    pub(crate) moving: bool,
}

/// Where the called node sends requests to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ObservedOwner {
    /// It owns the shard.
    Here,
    /// Another node owns it.
    Elsewhere,
    /// It knows no owner; requests wait.
    Nowhere,
}

impl ShardList {
    /// Shards listed at most: enough to inspect some of them, and still one line.
    const FIRST_MAX: usize = 20;

    /// Counts `shards` and keeps the first of them.
    pub(crate) fn of(shards: impl IntoIterator<Item = u16>) -> Self {
        let mut list = Self::default();
        for shard in shards {
            list.count += 1;
            if list.first.len() < Self::FIRST_MAX {
                list.first.push(shard);
            }
        }
        list
    }
}

impl NodeName {
    /// Its name, or its id where the name is unknown.
    pub(crate) fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}
