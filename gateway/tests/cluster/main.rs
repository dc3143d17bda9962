//! Several nodes on one database, as processes of their own, and what clients see while nodes come, go and break.

#[path = "../client/mod.rs"]
#[allow(dead_code, reason = "the tests of one node ask more")]
mod client;
#[path = "../process/node_process.rs"]
#[allow(dead_code, reason = "the tests of one node do more to it")]
mod node_process;

mod closed_loop;
mod rolling;
