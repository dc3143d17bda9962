//! The stateless services between a front end and the shards.

pub(crate) mod commands;
mod deduplication;
pub(crate) mod lists;
pub(crate) mod placing;
mod queries;
pub(crate) mod shop;
