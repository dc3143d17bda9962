//! Fixtures that know the shop, shared by the tests of several crates: a client of the API, an
//! audit of the database, the table of nodes and shards, and consumers of the Kafka topics.
//!
//! A library for tests only: every function panics when the shop does not behave, and product
//! crates use it as a dev-dependency. What does not know the shop is in `fritzy-testbed`.

mod api_client;
mod api_error;
mod audit;
mod cluster_state;
#[cfg(feature = "kafka")]
pub mod kafka;
mod load;
mod requests;

pub use api_client::{Api, RESPONSE_TIME_MAX, Response};
pub use api_error::ApiError;
pub use audit::{Audit, audit, audit_left};
pub use cluster_state::{live_node, read_cluster_state, shard_of, shards_of};
pub use load::{Load, SentRequests, all_accounts};
pub use requests::{ids, order};
