//! Actors around the pure entities of the domain: one supervised actor for each active entity, a
//! supervisor for each shard, and the stateless services that send requests to them.
//!
//! The crate uses the domain's ports and never names a database. No entity awaits another inside
//! its handler.

mod clock;
mod error;
mod local_shards;
mod membership;
mod messages;
mod pulse;
mod replay;
mod request;
mod service;
mod shard_watch;
mod shell;
mod wire;

pub use error::ShopError;
pub use local_shards::LocalShards;
pub use messages::{ShardReply, ShardRequest, Snapshot};
pub use request::{Request, Target};
pub use service::by_id::ById;
pub use service::commands::{AccountInput, PriceInput, ProductInput};
pub use service::config::ShopConfig;
pub use service::lists::Lists;
pub use service::placing::{OrderInput, OrderLineInput};
pub use service::references::References;
pub use service::shop::Shop;
pub use shell::entity_limit::ActorCounts;
