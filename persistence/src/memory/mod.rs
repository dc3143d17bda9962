//! The stores in memory: the same committer, nothing durable. For tests, and for measuring the cost
//! of everything but the database.

mod cursors;
mod journal;
mod list_counts;
mod membership;
mod open;
mod order_lists;
mod ownership;
mod read_model;
mod state;
mod topic_bindings;
mod write;

pub use open::MemoryConfig;
pub use state::SharedMemoryStore;
