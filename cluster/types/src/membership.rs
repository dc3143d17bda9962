//! The node table, and the ownership of shards among nodes.
//!
//! Whether a node is alive shows in a counter, its heartbeat, not in a clock: the node increments
//! it each second, unless it was fenced. A node that has read the same heartbeat of another for
//! long enough fences it at exactly that heartbeat: either the next heartbeat is counted or the
//! node is fenced, never both. The shards of a fenced node may be acquired by others.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Epoch, NodeId, ShardId, ShardLease, StorageError};

/// Which work a node takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Roles {
    /// The node serves clients.
    pub gateway: bool,
    /// The node owns shards.
    pub entities: bool,
    /// The node runs the projections of the shards it owns.
    pub projections: bool,
}

impl Roles {
    /// All three roles: those of a node without a cluster.
    pub const ALL: Self = Self {
        gateway: true,
        entities: true,
        projections: true,
    };
}

/// A node as it registers itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// The id of this incarnation.
    pub id: NodeId,
    /// The node's name, the same after a restart. No two running nodes have the same name.
    pub name: String,
    /// The address that other nodes dial, `host:port`; `None` for a node without others.
    pub address: Option<String>,
    /// Which work the node takes.
    pub roles: Roles,
    /// The version of the node's program, for people.
    pub program: String,
    /// The oldest version of the wire format between nodes that it supports.
    pub wire_min: u16,
    /// The newest version of the wire format that it supports.
    pub wire_max: u16,
}

/// A row of the node table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// The node as it has registered itself.
    pub node: NewNode,
    /// How often the node has renewed its membership.
    pub heartbeat: u64,
    /// Whether the node was declared dead: its commits and heartbeats fail from then on.
    pub fenced: bool,
    /// Whether the node is handing off its shards, to leave.
    pub draining: bool,
}

/// A row of the shard table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardOwner {
    /// Which shard it is.
    pub shard: ShardId,
    /// The owner, which may have left or been fenced; `None` when the shard was released.
    pub owner: Option<NodeId>,
    /// How often the shard was acquired, as of this read; its owner may raise it by itself.
    pub epoch: Epoch,
}

/// All nodes and owners, as of one read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterState {
    /// The nodes that have not left.
    pub nodes: Vec<NodeRecord>,
    /// Every shard, in ascending order.
    pub shards: Vec<ShardOwner>,
}

/// The result of one read of the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSnapshot {
    /// Grows with every node that joins, leaves, drains or is fenced, and with every shard that is
    /// acquired or released.
    pub version: u64,
    /// The whole state, when `version` differs from the one that was passed as known. Never older
    /// than `version`; it may be newer.
    pub state: Option<ClusterState>,
    /// The heartbeats of the requested nodes that are in the table and not fenced.
    pub heartbeats: Vec<(NodeId, u64)>,
}

/// Why a node did not join.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Another incarnation with this name is in the table, and not fenced.
    #[error("a node named {} is running already", .0.node.name)]
    NameTaken(Box<NodeRecord>),
    /// The node table is unavailable.
    #[error(transparent)]
    Read(#[from] StorageError),
}

/// The tables of nodes and shards, shared by all nodes of one database.
#[async_trait]
pub trait Membership: Send + Sync {
    /// Inserts a node, at heartbeat 0.
    ///
    /// # Errors
    /// [`JoinError::NameTaken`] when an unfenced node has the same name; [`JoinError::Read`] when
    /// the store is unavailable.
    async fn join(&self, node: &NewNode) -> Result<(), JoinError>;

    /// Increments a node's heartbeat; `false` when the node was fenced or has left. Works on a
    /// connection of its own, which is opened by the first call, in that call's runtime; all calls
    /// must come from one runtime, one after the other.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store did not confirm: the heartbeat may or may not
    /// have been counted.
    async fn heartbeat(&self, id: NodeId) -> Result<bool, StorageError>;

    /// Reads the tables. `known` is the version of the last snapshot that was used, and `watched`
    /// are the nodes whose heartbeats are returned.
    ///
    /// # Errors
    /// [`StorageError`] when the store is unavailable, or a row cannot be decoded.
    async fn read_state(
        &self,
        known: Option<u64>,
        watched: &[NodeId],
    ) -> Result<ClusterSnapshot, StorageError>;

    /// Fences a node, if its heartbeat is still `heartbeat`. `true` when it is fenced now, by this
    /// call or an earlier one, or not in the table any more.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store did not confirm: the node may or may not be
    /// fenced.
    async fn fence(&self, id: NodeId, heartbeat: u64) -> Result<bool, StorageError>;

    /// How long ago each fenced node was fenced, by the store's clock, for people. Nodes whose rows
    /// were removed since are not included.
    ///
    /// # Errors
    /// [`StorageError`] when the store is unavailable, or a row cannot be decoded.
    async fn fenced_for(&self) -> Result<Vec<(NodeId, Duration)>, StorageError>;

    /// Marks a node as draining or not. Does nothing for a node that has left.
    ///
    /// # Errors
    /// [`StorageError`] when the store is unavailable.
    async fn set_draining(&self, id: NodeId, draining: bool) -> Result<(), StorageError>;

    /// Removes a node from the table. Shards that it still owns may be acquired by others from then
    /// on.
    ///
    /// # Errors
    /// [`StorageError`] when the store is unavailable.
    async fn leave(&self, id: NodeId) -> Result<(), StorageError>;

    /// Acquires shards for `owner`, each with the owner it was seen with: none, or a node that is
    /// fenced or has left. Raises their epochs. Returns the shards that were acquired: not those
    /// that have another owner by now or whose owner is alive, and none at all when `owner` is
    /// fenced itself. From then on no commit under an earlier lease succeeds.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store did not confirm: some may have been acquired;
    /// the next read shows them, with the epochs to write under.
    async fn acquire(
        &self,
        owner: NodeId,
        shards: &[(ShardId, Option<NodeId>)],
    ) -> Result<Vec<ShardLease>, StorageError>;

    /// Releases shards; those that `owner` does not own are not changed. No request to them may be
    /// in flight any more.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] when the store did not confirm: some may have been released;
    /// the call may be repeated.
    async fn release(&self, owner: NodeId, shards: &[ShardId]) -> Result<(), StorageError>;
}
