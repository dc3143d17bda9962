//! Outages of PostgreSQL, each made with a real server: what was answered is true, and it goes on by itself.

mod claims;
mod disk_full;
#[path = "../conformance/fixtures.rs"]
#[expect(dead_code, reason = "the conformance suite uses more of it")]
mod fixtures;
mod ground;
mod lost_answers;
mod passing_failures;
mod replicas;
mod restarts;
