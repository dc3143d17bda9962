//! What only benchmarks need: a baseline server without actors, two connected nodes without a
//! database, and PostgreSQL databases that are created, filled and removed.
//!
//! It is a crate and not a feature of the product crates, because Cargo unifies the features of the
//! default members: the node would be compiled with it.

mod baseline_server;
mod pgbench_order;
mod scratch_database;
mod seed;
mod server;
mod two_nodes;

pub use baseline_server::BaselineServer;
pub use pgbench_order::PgbenchOrder;
pub use scratch_database::{ScratchDatabase, ServerInfo, server_info};
pub use seed::{Sampled, sample_ids, seed_orders};
pub use server::DatabaseError;
pub use two_nodes::MeasuredNode;
