//! The actor shells around the pure entities: one supervised actor for each active entity, a
//! supervisor for each shard, and the stateless services that ask them.
//!
//! Uses the ports and never names a database. No entity awaits another inside its handler.

mod activation;
mod answer;
mod entity_actor;
mod local_shards;
mod messages;
mod placing;
mod repeat;
mod residents;
mod root;
mod shard_actor;
mod shop;

pub use answer::{Request, ShopError};
pub use placing::{OrderInput, OrderLineInput};
pub use residents::ActorCounts;
pub use shop::{PriceInput, ProductInput, Shop, ShopConfig};
