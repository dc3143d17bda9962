//! The stateless services between a front end and the shards.

pub(crate) mod commands;
mod deduplication;
mod entity_client;
pub(crate) mod lists;
pub(crate) mod placing;
mod queries;
mod reply;
pub(crate) mod shop;
pub(crate) mod shop_config;
