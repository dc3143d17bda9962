//! The actor shells around the pure entities: one supervised actor for each active entity, a
//! supervisor for each shard, and the stateless services that ask them.
//!
//! Uses the ports and never names a database. No entity awaits another inside its handler.

mod activation;
mod answer;
mod clock;
mod commands;
mod entity_actor;
mod joining;
mod lists;
mod local_shards;
mod messages;
mod placing;
mod queries;
mod repeat;
mod residents;
mod root;
mod shard_actor;
mod shop;
mod wire;

pub use answer::{Request, ShopError, Target};
pub use commands::{PriceInput, ProductInput};
pub use lists::Lists;
pub use local_shards::LocalShards;
pub use messages::{ShardReply, ShardRequest, Snapshot};
pub use placing::{OrderInput, OrderLineInput};
pub use residents::ActorCounts;
pub use shop::{Shop, ShopConfig};
