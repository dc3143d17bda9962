//! Which appends of a refused batch claim an external reference that another entity has.

use fritzy_domain::{EntityId, Kind};
use sqlx::{Row, SqliteConnection};

use crate::committer::{Sequenced, TakenReference};

/// Looks up the claims one by one: a batch is refused rarely.
pub(super) async fn taken_references(
    connection: &mut SqliteConnection,
    batch: &[Sequenced<'_>],
) -> Result<Vec<TakenReference>, sqlx::Error> {
    let mut taken = Vec::new();
    for (index, Sequenced { append, .. }) in batch.iter().enumerate() {
        let Some(reference) = append.claimed_reference() else {
            continue;
        };
        let kind = append.entity.kind();
        let statement = match kind {
            Kind::Account => {
                "SELECT id FROM account WHERE external_reference = ? AND external_reference IS NOT NULL
                 AND NOT closed AND id <> ?"
            }
            Kind::Product => {
                "SELECT id FROM product WHERE external_reference = ? AND external_reference IS NOT NULL
                 AND NOT withdrawn AND id <> ?"
            }
            Kind::Order => {
                "SELECT id FROM customer_order WHERE external_reference = ?
                 AND external_reference IS NOT NULL AND id <> ?"
            }
        };
        let row = sqlx::query(statement)
            .bind(reference.as_str())
            .bind(*append.entity.as_uuid())
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = row {
            let holder = EntityId::from_uuid(kind, row.try_get(0)?);
            taken.push(TakenReference { index, holder });
        }
    }
    Ok(taken)
}
