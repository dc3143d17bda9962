//! The actor shells around the pure entities: one supervised actor for each active entity, a
//! supervisor for each shard, and the stateless services that ask them.
//!
//! Uses the ports and never names a database. No entity awaits another inside its handler.

mod clock;
mod local_shards;
mod membership;
mod messages;
mod request;
mod service;
mod shell;
mod wire;

pub use local_shards::LocalShards;
pub use messages::{ShardReply, ShardRequest, Snapshot};
pub use request::{Request, ShopError, Target};
pub use service::commands::{PriceInput, ProductInput};
pub use service::lists::Lists;
pub use service::placing::{OrderInput, OrderLineInput};
pub use service::shop::{Shop, ShopConfig};
pub use shell::entity_limit::ActorCounts;
