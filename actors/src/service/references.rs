//! Looking up entities by the references of other systems.

use std::sync::Arc;

use fritzy_domain::{Account, ExternalReference, Kind, Order, Product, ReadModel, Stored};
use fritzy_types::{Deadline, Failure};

use crate::error::{ShopError, read_failure};
use crate::messages::{ShardReply, Snapshot};
use crate::service::entity_client::EntityClient;
use crate::service::reply::{account_of, order_of, product_of, unexpected};

/// Attempts to look up a reference while its entity is being changed. Only a change between two
/// reads costs an attempt.
const LOOKUPS_MAX: usize = 8;

/// Finds entities by their external references.
///
/// All methods return `None` when no entity has the reference. They fail with
/// [`ShopError::Rejected`] when it is malformed, and with [`ShopError::Failed`] when the store or
/// the owner of the entity cannot be reached in time.
pub struct References {
    entities: Arc<EntityClient>,
    read_model: Arc<dyn ReadModel>,
}

impl References {
    pub(crate) fn new(entities: Arc<EntityClient>, read_model: Arc<dyn ReadModel>) -> Self {
        Self {
            entities,
            read_model,
        }
    }

    /// The open account with this external reference.
    ///
    /// # Errors
    /// [`ShopError`], as for every method.
    pub async fn account(
        &self,
        reference: &str,
        deadline: Deadline,
    ) -> Result<Option<Stored<Account>>, ShopError> {
        let found = self.find(Kind::Account, reference, deadline).await?;
        Ok(found.as_ref().map(account_of))
    }

    /// The product with this external reference that is not withdrawn.
    ///
    /// # Errors
    /// [`ShopError`], as for every method.
    pub async fn product(
        &self,
        reference: &str,
        deadline: Deadline,
    ) -> Result<Option<Stored<Product>>, ShopError> {
        let found = self.find(Kind::Product, reference, deadline).await?;
        Ok(found.as_ref().map(product_of))
    }

    /// The order with this external reference.
    ///
    /// # Errors
    /// [`ShopError`], as for every method.
    pub async fn order(
        &self,
        reference: &str,
        deadline: Deadline,
    ) -> Result<Option<Stored<Order>>, ShopError> {
        let found = self.find(Kind::Order, reference, deadline).await?;
        Ok(found.as_ref().map(order_of))
    }

    /// The row tells which entity it is, and the owner whether the entity still has the reference:
    /// the owner proves its reply by its lease. They differ only if the entity was changed in
    /// between. Then the row is read again.
    async fn find(
        &self,
        kind: Kind,
        reference: &str,
        deadline: Deadline,
    ) -> Result<Option<Snapshot>, ShopError> {
        let reference = ExternalReference::parse(reference)?;
        for _ in 0..LOOKUPS_MAX {
            let row = self.read_model.find_reference(kind, &reference).await;
            let Some(row) = row.map_err(read_failure)? else {
                return Ok(None);
            };
            let current = match self.entities.read(row.state.id(), deadline).await? {
                ShardReply::State(current) => current,
                other => return Err(unexpected(&other).into()),
            };
            if current.version == row.version {
                // The row is complete also where an older node owns the entity, which returns no
                // reference.
                return Ok(Some(Arc::new(row)));
            }
            if current.state.held_reference() == Some(&reference) {
                return Ok(Some(current));
            }
        }
        Err(Failure::Unavailable("the entity is being changed".into()).into())
    }
}
