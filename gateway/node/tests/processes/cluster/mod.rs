//! Several nodes on one database, and what clients see while nodes join, leave and fail.

mod admin;
mod admin_api;
mod admin_faults;
mod backwards;
mod clocks;
mod closed_loop;
mod deposed;
mod hanging;
mod history;
mod linearizability;
mod measured;
mod moving_bridges;
mod network;
mod node_death;
mod nodes;
mod pauses;
mod quiet_restart;
mod roles;
mod rolling;
mod starting;
mod traces;
mod upgrades;
