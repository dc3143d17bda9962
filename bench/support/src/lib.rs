//! What only measurements need: a server without actors to compare with, two nodes without tables, and databases on PostgreSQL
//! that are made, filled and removed.
//!
//! A crate of its own, and not a feature of the product crates: Cargo unifies the features of the default members, so that a
//! feature would be compiled into the node as well.

mod baseline_server;
mod pgbench_order;
mod scratch_database;
mod seed;
mod server;
mod two_nodes;

pub use baseline_server::BaselineServer;
pub use pgbench_order::PgbenchOrder;
pub use scratch_database::{AboutServer, ScratchDatabase, about_server};
pub use seed::{Sampled, sample_ids, seed_orders};
pub use server::DatabaseError;
pub use two_nodes::MeasuredNode;
