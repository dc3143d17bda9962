//! The stateless services between a front end and the shards.

pub(crate) mod by_id;
pub(crate) mod commands;
pub(crate) mod config;
mod deduplication;
mod entity_client;
pub(crate) mod lists;
pub(crate) mod placing;
mod queries;
pub(crate) mod references;
mod reply;
pub(crate) mod shop;
