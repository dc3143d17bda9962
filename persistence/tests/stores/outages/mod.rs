//! Outages of PostgreSQL, each produced on a real server: responses stay true, and the store
//! recovers by itself. Databases that go backwards are files, too.

mod backwards;
mod backwards_idle;
mod claims;
mod disk_full;
mod lost_responses;
mod poolers;
mod replicas;
mod restarts;
mod several_hosts;
mod transient_failures;
mod workspace;
