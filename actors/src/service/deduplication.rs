//! Recognising a repeated creation (invariant I8): what its key made when it was first used.

use fritzy_domain::{CommandRecord, Kind, Rejection};

use crate::messages::Snapshot;
use crate::request::{Request, ShopError};
use crate::service::shop::Shop;
use crate::shell::entity_actor::{read_failure, state_at};

impl Shop {
    /// The answer to the first use of the request's key, if there was one: the created entity as it
    /// was then.
    ///
    /// Creations are not looked up on their way in, for a fresh key would pay for it: the journal's
    /// unique keys refuse the second. So this is asked once a creation has been refused, for whatever
    /// reason, and what it finds takes precedence over that reason.
    pub(crate) async fn first_answer(
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
        let shard = self.router.shard_of(entity.slot());
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
