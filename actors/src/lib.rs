//! The actor shells around the pure entities: one supervised actor for each active entity, a
//! supervisor for each shard, and the stateless services that ask them.
//!
//! Uses the ports and never names a database. No entity awaits another inside its handler.

mod activation;
mod answer;
mod commands;
mod entity_actor;
mod joining;
mod kafka;
mod lists;
mod local_shards;
mod messages;
mod moment;
mod placing;
mod projection;
mod queries;
mod repeat;
mod residents;
mod root;
mod shard_actor;
mod shop;
mod wire;

pub use answer::{Request, ShopError, Target};
pub use commands::{PriceInput, ProductInput};
pub use kafka::{
    BadKafkaSettings, KafkaBridge, KafkaBridgeConfig, TOPICS, TopicDifference, TopicSettings,
    Topics, TopicsError, kafka_properties,
};
pub use lists::Lists;
pub use moment::{MomentError, from_rfc3339, rfc3339};
pub use placing::{OrderInput, OrderLineInput};
pub use projection::{
    Begin, Broken, Done, ProjectedEvent, Projection, ProjectionStart, ProjectionStatus, Projections,
};
pub use residents::ActorCounts;
pub use shop::{Shop, ShopConfig};
