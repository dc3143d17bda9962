//! The binary as people and orchestrators meet it: started, refused, asked, ended, killed.

#[path = "../client/mod.rs"]
mod client;

mod first_start;
mod logs;
mod node_process;
mod printed;
mod refused_starts;
mod signals;
mod verify;
