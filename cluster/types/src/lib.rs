//! The ground floor: the types that every crate that knows of nodes and shards shares, and the two
//! ports that the cluster needs from a store. It has no word of the shop: no kind of entity, no
//! money, no error code of the API.
//!
//! Nothing here reads a clock, draws a random number, waits, or touches a file or a socket.

mod clock;
mod failure;
mod id;
mod membership;
mod ownership;
mod rfc3339;
mod shard;
mod storage_error;

pub use clock::{Deadline, Timestamp};
pub use failure::Failure;
pub use id::{NodeId, Slot};
pub use membership::{
    ClusterSnapshot, ClusterState, JoinError, Membership, NewNode, NodeRecord, Roles, ShardOwner,
};
pub use ownership::{Epoch, Ownership, ShardLease};
pub use rfc3339::{TimestampError, from_rfc3339, rfc3339};
pub use shard::{ShardCount, ShardId};
pub use storage_error::{BudgetExceeded, StorageError};
