//! Who owns which shard, and the way there. Knows shards and owners; nothing of accounts, products
//! or orders, and nothing of how a shard does its work.

mod failure;
mod router;
mod shard_map;

pub use failure::Failure;
pub use router::{Router, ShardHost};
pub use shard_map::ShardMap;
