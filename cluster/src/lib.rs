//! Who owns which shard, and the way there. Knows shards and owners; nothing of accounts, products
//! or orders, and nothing of how a shard does its work.

mod failure;
mod lease;
mod liveness;
mod placement;
mod rebalance;
mod router;
mod shard_map;

pub use failure::Failure;
pub use lease::{BootTime, LocalLease, TTL};
pub use liveness::{Liveness, WATCHED_MAX, watched};
pub use placement::{Placement, place};
pub use rebalance::{Plan, Planner, STABLE_FOR, View};
pub use router::{Refused, Router, ShardHost};
pub use shard_map::ShardMap;
