//! The binary as users and orchestrators see it: one node that starts, is refused, stops or is
//! killed, and several nodes on one database.

mod cluster;
mod losses;
mod one_node;
