//! A node's membership: joining, heartbeats, failure detection, leases, and the shards it acquires
//! and hands off.

pub(crate) mod command;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod coordinator;
pub(crate) mod error;
pub(crate) mod failure_detector;
pub(crate) mod handoff;
pub(crate) mod heartbeat;
pub(crate) mod join;
pub(crate) mod lease;
pub(crate) mod member;
pub(crate) mod progress;
pub(crate) mod run;
pub(crate) mod shard_lifecycle;
pub(crate) mod silence;
pub(crate) mod status;
