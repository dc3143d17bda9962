//! Several nodes on one database, as processes of their own, and what clients see while nodes come, go and break.

#[path = "../../../../actors/tests/shells/audit.rs"]
#[allow(dead_code, reason = "other tests look at states as well")]
mod audit;
#[path = "../client/mod.rs"]
#[allow(dead_code, reason = "the tests of one node ask more")]
mod client;
#[path = "../process/node_process.rs"]
#[allow(dead_code, reason = "the tests of one node do more to it")]
mod node_process;

mod clocks;
mod closed_loop;
mod deaths;
mod deposed;
mod history;
mod measured;
mod network;
mod nodes;
mod pauses;
mod roles;
mod rolling;
mod seats;
mod starting;
mod traces;
