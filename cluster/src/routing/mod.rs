//! The path of a request to the owner of its shard, on this node or another.

pub mod admission;
pub(crate) mod failure;
pub(crate) mod host;
pub(crate) mod remote;
pub(crate) mod router;
pub(crate) mod shard_map;
