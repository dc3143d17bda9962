//! Recognising a repeated creation (invariant I8), and replaying the response to its first use.

use std::sync::Arc;

use fritzy_domain::{CommandRecord, Journal, Kind, ReadModel, Rejection};
use fritzy_types::ShardCount;

use crate::error::{ShopError, read_failure};
use crate::messages::Snapshot;
use crate::replay::state_at;
use crate::request::Request;

/// Finds what an idempotency key created.
pub(crate) struct Deduplication {
    shard_count: ShardCount,
    journal: Journal,
    read_model: Arc<dyn ReadModel>,
}

impl Deduplication {
    pub(crate) fn new(
        shard_count: ShardCount,
        journal: Journal,
        read_model: Arc<dyn ReadModel>,
    ) -> Self {
        Self {
            shard_count,
            journal,
            read_model,
        }
    }

    /// The response to the first use of the request's key, if there was one: the created entity as
    /// it was then.
    ///
    /// Creations are not looked up before they are decided, because every fresh key would pay for
    /// it: the journal's unique keys refuse the second use. So this is called once a creation was
    /// refused, for whatever reason, and a first use takes precedence over that reason.
    pub(crate) async fn replayed_response(
        &self,
        kind: Kind,
        request: &Request,
    ) -> Result<Option<Snapshot>, ShopError> {
        let Some(fingerprint) = request.fingerprint else {
            return Ok(None);
        };
        let created = self.read_model.find_creation(kind, request.command).await;
        let Some(entity) = created.map_err(read_failure)? else {
            return Ok(None);
        };
        let shard = self.shard_count.shard_of(entity.slot());
        let found = self.journal.find_command(shard, request.command).await;
        match found.map_err(read_failure)? {
            Some(record) if record.fingerprint == Some(fingerprint) => {
                let first = CommandRecord { entity, ..record };
                Ok(Some(state_at(&self.journal, shard, &first).await?))
            }
            _ => Err(Rejection::KeyReused.into()),
        }
    }
}
