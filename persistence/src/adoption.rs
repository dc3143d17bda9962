//! Topics that another database has filled, and that an operator gives to this one.

use fritzy_domain::Position;
use fritzy_types::ShardId;
use uuid::Uuid;

/// What makes topics those of this database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicAdoption {
    /// The id of the topics.
    pub topics: Uuid,
    /// The tokens that the database had for them; none if it has never filled them.
    pub seen: Vec<Uuid>,
    /// The tokens that it has from now on: the first one is new.
    pub tokens: Vec<Uuid>,
    /// The number of the generation that the topics are bound to: the new one is greater.
    pub beyond: u64,
    /// The last position of each shard with events that journal and topics have in common.
    /// Everything behind it is published again, in the new generation.
    pub kept: Vec<(ShardId, Position)>,
}
