//! Reads an entity whose kind is not known and that has no actor.

use std::sync::Arc;

use fritzy_types::Failure;
use ractor::ActorRef;
use uuid::Uuid;

use crate::error::read_failure;
use crate::messages::{ShardMessage, ShardReply};
use crate::shell::context::ShardContext;

/// The state of the entity with this id, from its state row. The shard is told to start its actor,
/// which answers the next read from memory.
///
/// # Errors
/// When the store cannot read, or another node may own the shard.
pub(crate) async fn find_by_id(
    context: ShardContext,
    shard: ActorRef<ShardMessage>,
    id: Uuid,
) -> Result<ShardReply, Failure> {
    let found = context.node.activations.find(id).await;
    let reply = match found.map_err(read_failure)? {
        Some(found) => {
            // Fails only when the shard is stopping.
            drop(shard.send_message(ShardMessage::Activate(found.state.id())));
            ShardReply::State(Arc::new(found))
        }
        None => ShardReply::Absent,
    };
    context.under_lease(reply)
}
