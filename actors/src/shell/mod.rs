//! The actors: a root supervisor, a supervisor for each shard, and an actor for each active entity.

pub(crate) mod activation;
mod append;
mod child;
pub(crate) mod context;
mod entity_actor;
pub(crate) mod entity_limit;
mod find;
pub(crate) mod root;
mod shard_actor;
