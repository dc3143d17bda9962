//! What the endpoint answers, as JSON: the command line reads the same types.

use serde::{Deserialize, Serialize};

/// The cluster, as the tables of nodes and shards have it and as the asked node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterView {
    pub(crate) asked: AskedView,
    pub(crate) shards: ShardsView,
    /// By name.
    pub(crate) nodes: Vec<NodeView>,
    /// Runs of nodes that were taken for dead, the newest first. They are no nodes any more: their rows stay until another
    /// node joins, ten minutes later at the soonest.
    pub(crate) gone: Vec<GoneView>,
}

/// The node that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AskedView {
    pub(crate) name: String,
    /// `None` when it is no member at the moment.
    pub(crate) id: Option<String>,
    /// For how long it may answer from memory; `None` when it may not.
    pub(crate) lease_ms: Option<u64>,
    /// How long ago it looked at the tables; `None` before the first time.
    pub(crate) looked_ms_ago: Option<u64>,
    /// Why the tables could not be read for this answer, which is then of the node's last look.
    pub(crate) tables_failure: Option<String>,
    /// Shards that run on it.
    pub(crate) running: usize,
    /// Shards that it is handing over.
    pub(crate) moving: ShardList,
    /// Shards that it knows no place for: requests to them wait.
    pub(crate) nowhere: ShardList,
}

/// All shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShardsView {
    pub(crate) count: usize,
    /// Those without an owner that lives.
    pub(crate) unowned: ShardList,
}

/// Some shards: all of them counted, the first of them named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ShardList {
    pub(crate) count: usize,
    pub(crate) first: Vec<u16>,
}

/// A node. Round trip and silence are of the way from the asked node, as of its last look at the tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeView {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) address: Option<String>,
    pub(crate) roles: Vec<String>,
    /// Its program's version.
    pub(crate) program: String,
    pub(crate) wire_min: u16,
    pub(crate) wire_max: u16,
    /// How many it owns.
    pub(crate) shards: usize,
    pub(crate) draining: bool,
    /// How often it has renewed its membership.
    pub(crate) beat: u64,
    pub(crate) asked: bool,
    /// Whether the asked node has a connection to it.
    pub(crate) connected: bool,
    pub(crate) round_trip_us: Option<u64>,
    pub(crate) silent_ms: Option<u64>,
}

/// A run of a node that was taken for dead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GoneView {
    /// Which another run may have by now.
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) address: Option<String>,
    /// Those that nobody has taken yet.
    pub(crate) shards: usize,
    /// How long ago, by the database's clock; `None` when it could not be read.
    pub(crate) fenced_ms_ago: Option<u64>,
}

/// A node by its name and its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeName {
    /// `None` for one that is in the table no more.
    pub(crate) name: Option<String>,
    pub(crate) id: String,
}

/// What became of draining a node, or of ending that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DrainView {
    pub(crate) node: NodeName,
    pub(crate) draining: bool,
    /// Shards that it still owns.
    pub(crate) shards: usize,
}

/// What became of a word to move shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RebalancedView {
    /// Nodes that were told.
    pub(crate) told: usize,
    /// Nodes that there are.
    pub(crate) nodes: usize,
}

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShardView {
    /// What was asked for, if not the shard itself.
    pub(crate) entity: Option<EntityView>,
    pub(crate) shard: u16,
    /// By the table; it may be gone, which `owner_lives` tells.
    pub(crate) owner: Option<NodeName>,
    pub(crate) owner_lives: bool,
    pub(crate) epoch: u64,
    pub(crate) seen: SeenView,
    /// The node that it should be on.
    pub(crate) belongs: Option<NodeName>,
    /// The nodes that it would be on, were there no other shards; the best first.
    pub(crate) prefers: Vec<NodeName>,
}

/// An account, a product or an order; or what none of them has the id of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntityView {
    pub(crate) id: String,
    pub(crate) slot: u16,
    /// Whether the journal has an event of it; `None` when it could not be read.
    pub(crate) exists: Option<bool>,
    /// `account`, `product` or `order`.
    pub(crate) kind: Option<String>,
    /// Why the journal could not be read.
    pub(crate) journal_failure: Option<String>,
}

/// A shard, as the asked node sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SeenView {
    pub(crate) by: String,
    pub(crate) place: SeenPlace,
    /// Where it is, when that is another node.
    pub(crate) node: Option<NodeName>,
    pub(crate) epoch: u64,
    /// Whether the asked node is handing it over.
    pub(crate) moving: bool,
}

/// Where the asked node sends requests to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SeenPlace {
    /// It has it itself.
    Here,
    /// To another node.
    Elsewhere,
    /// They wait.
    Nowhere,
}

impl ShardList {
    /// Named at most: enough to look closer at some, and a line for people.
    const FIRST_MAX: usize = 20;

    /// These shards.
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
