//! A node's membership: joining, heartbeats, failure detection, leases, and the shards it acquires and hands off.

pub(crate) mod coordinator;
pub(crate) mod failure_detector;
pub(crate) mod handoff;
pub(crate) mod heartbeat;
pub(crate) mod join;
pub(crate) mod lease;
pub(crate) mod member;
