//! The table of nodes, and the ownership of shards among them.
//!
//! Whether a node lives is told by a counter, its beat, not by a clock: it adds one each second, unless it was fenced. Whoever
//! has seen the same beat for long enough fences the node at exactly that beat: either the next beat is counted or
//! the node is fenced, never both. What a fenced node owned may be taken by others.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Epoch, NodeId, ShardId, ShardLease, StorageError};

/// What a node does for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Roles {
    /// Serves clients.
    pub gateway: bool,
    /// Owns shards.
    pub entities: bool,
    /// Runs the projections of the shards it owns.
    pub projections: bool,
}

impl Roles {
    /// All of them.
    pub const ALL: Self = Self {
        gateway: true,
        entities: true,
        projections: true,
    };
}

/// A node as it presents itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// This run of it.
    pub id: NodeId,
    /// Its name, which stays over restarts. No two nodes have one name at a time.
    pub name: String,
    /// Where other nodes reach it, `host:port`; `None` for a node that will be alone.
    pub address: Option<String>,
    /// What it does.
    pub roles: Roles,
    /// Its program's version.
    pub program: String,
    /// The oldest form of frames between nodes that it understands.
    pub wire_min: u16,
    /// The newest.
    pub wire_max: u16,
}

/// A node as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// How it presented itself.
    pub node: NewNode,
    /// How often it has renewed its membership.
    pub heartbeat: u64,
    /// Whether it was taken for dead: it can do nothing any more.
    pub fenced: bool,
    /// Whether it is giving its shards away, to leave.
    pub draining: bool,
}

/// Who owns a shard, as it stands in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardOwner {
    /// The shard.
    pub shard: ShardId,
    /// Its owner, which may have left or been fenced; `None` when it was given back.
    pub owner: Option<NodeId>,
    /// How often it was taken, as of this look; its owner may raise it by itself.
    pub epoch: Epoch,
}

/// All nodes and owners, as of one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterState {
    /// The nodes that have not left.
    pub nodes: Vec<NodeRecord>,
    /// Every shard, in ascending order.
    pub shards: Vec<ShardOwner>,
}

/// What a look at the tables found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSnapshot {
    /// Grows with every node that joins, leaves, drains or is fenced, and with every shard that is taken or given back.
    pub version: u64,
    /// The whole, when `version` is not the one that was known. Never older than `version`; it may be newer.
    pub state: Option<ClusterState>,
    /// The beats of the nodes that were asked for, of those that are there and not fenced.
    pub heartbeats: Vec<(NodeId, u64)>,
}

/// Why a node did not join.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Another run with this name is there, and not fenced.
    #[error("a node named {} is there already", .0.node.name)]
    NameTaken(Box<NodeRecord>),
    /// The table is out of reach.
    #[error(transparent)]
    Read(#[from] StorageError),
}

/// The tables of nodes and owners, shared by all nodes of one database.
#[async_trait]
pub trait Membership: Send + Sync {
    /// Adds a node, at beat 0.
    ///
    /// # Errors
    /// [`JoinError`]
    async fn join(&self, node: &NewNode) -> Result<(), JoinError>;

    /// Adds one to a node's beat; `false` when it was fenced or has left. Works on a connection of its own, which is opened
    /// by the first call, in that call's runtime; all calls come from one runtime, one after the other.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`]: it may or may not have been counted.
    async fn heartbeat(&self, id: NodeId) -> Result<bool, StorageError>;

    /// Looks at the tables; `known` is the version of the last look that was used, and `watched` are the nodes whose beats
    /// are of interest.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn read_state(
        &self,
        known: Option<u64>,
        watched: &[NodeId],
    ) -> Result<ClusterSnapshot, StorageError>;

    /// Fences a node, if its beat is still `beat`. `true` when it is fenced now, by this call or an earlier one, or gone.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`]: it may or may not be fenced.
    async fn fence(&self, id: NodeId, heartbeat: u64) -> Result<bool, StorageError>;

    /// How long ago each node that is fenced was fenced, by the store's clock: for people. Those that were put away since are
    /// not among them.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn fenced_for(&self) -> Result<Vec<(NodeId, Duration)>, StorageError>;

    /// Marks a node as one that gives its shards away, or not any more. Nothing happens to one that has left.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn set_draining(&self, id: NodeId, draining: bool) -> Result<(), StorageError>;

    /// Takes a node out of the table. Shards that it still owns may be taken by others from then on.
    ///
    /// # Errors
    /// [`StorageError`]
    async fn leave(&self, id: NodeId) -> Result<(), StorageError>;

    /// Takes shards for `owner` from nobody or from nodes that are fenced or have left, raising their epochs: each with
    /// the owner it was seen with. Answers those that were taken: not those whose owner is another by now or lives, and none
    /// at all when `owner` is fenced itself. From then on no commit under an earlier lease succeeds.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`]: some may have been taken; the next look tells, with the epochs to write under.
    async fn acquire(
        &self,
        owner: NodeId,
        shards: &[(ShardId, Option<NodeId>)],
    ) -> Result<Vec<ShardLease>, StorageError>;

    /// Gives shards back; those that `owner` does not own are left alone. Nothing of them is under way any more.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`]: some may have been given back; it may be called again.
    async fn release(&self, owner: NodeId, shards: &[ShardId]) -> Result<(), StorageError>;
}
