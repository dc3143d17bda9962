//! The actors: a root supervisor, a supervisor for each shard, and an actor for each active entity.

pub(crate) mod activation;
pub(crate) mod entity_actor;
pub(crate) mod entity_limit;
pub(crate) mod root;
pub(crate) mod shard_actor;
