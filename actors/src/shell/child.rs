//! The entities in use of one shard.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_domain::EntityId;
use hashlink::LinkedHashMap;
use ractor::ActorRef;
use tokio::sync::Semaphore;

use crate::messages::EntityMessage;

/// In order of use, the longest unused first.
pub(super) type Children = LinkedHashMap<EntityId, Child>;

/// An entity in use.
pub(super) struct Child {
    /// Permits of its queue; a request that finds none is refused as overload.
    pub(super) permits: Arc<Semaphore>,
    pub(super) last_used: Instant,
    pub(super) actor: ChildActor,
}

pub(super) enum ChildActor {
    Active(ActorRef<EntityMessage>),
    /// Was sent its stop. Later messages wait for the successor, so that an entity never has two
    /// actors.
    Stopping(Vec<EntityMessage>),
}

impl Child {
    pub(super) const fn is_active(&self) -> bool {
        matches!(self.actor, ChildActor::Active(_))
    }
}

/// The longest unused of several entities; never the only one, which is in use now.
pub(super) fn longest_unused(entities: &Children) -> Option<EntityId> {
    let others = entities.iter().take(entities.len().saturating_sub(1));
    others
        .filter(|(_, child)| child.is_active())
        .map(|(entity, _)| *entity)
        .next()
}

/// The entities that have not been used for `idle_after`.
pub(super) fn idle_for(entities: &Children, idle_after: Duration, now: Instant) -> Vec<EntityId> {
    entities
        .iter()
        .take_while(|(_, child)| now.saturating_duration_since(child.last_used) >= idle_after)
        .map(|(entity, _)| *entity)
        .collect()
}
