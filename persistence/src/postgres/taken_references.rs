//! Which appends of a refused batch claim an external reference that another entity has.

use fritzy_domain::{EntityId, ExternalReference, Kind};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Error, Row};
use uuid::Uuid;

use crate::committer::{Sequenced, TakenReference};

/// The indexes that make references unique.
const INDEXES: [&str; 3] = [
    "account_by_reference",
    "product_by_reference",
    "customer_order_by_reference",
];

/// Whether a statement was refused because of an external reference.
pub(super) fn is_about_reference(failure: &Error) -> bool {
    let failure = failure.as_database_error();
    let index = failure.and_then(|failure| failure.constraint());
    index.is_some_and(|index| INDEXES.contains(&index))
}

/// The claims of a batch that other entities have committed.
pub(super) async fn taken_references(
    connection: &mut PgConnection,
    batch: &[Sequenced<'_>],
) -> Result<Vec<TakenReference>, Error> {
    let mut taken = Vec::new();
    for kind in [Kind::Account, Kind::Product, Kind::Order] {
        let claims = batch.iter().enumerate().filter_map(|(index, sequenced)| {
            let append = sequenced.append;
            let reference = append.claimed_reference()?;
            (append.entity.kind() == kind).then_some((index, append.entity, reference))
        });
        let claims: Vec<(usize, EntityId, &ExternalReference)> = claims.collect();
        if !claims.is_empty() {
            taken.extend(taken_of_kind(connection, kind, &claims).await?);
        }
    }
    Ok(taken)
}

async fn taken_of_kind(
    connection: &mut PgConnection,
    kind: Kind,
    claims: &[(usize, EntityId, &ExternalReference)],
) -> Result<Vec<TakenReference>, Error> {
    let statement = match kind {
        Kind::Account => {
            "SELECT claim.number, holder.id
             FROM unnest($1::int8[], $2::uuid[], $3::text[]) AS claim (number, id, reference)
             JOIN account AS holder ON holder.external_reference = claim.reference
                AND holder.external_reference IS NOT NULL AND NOT holder.closed
                AND holder.id <> claim.id"
        }
        Kind::Product => {
            "SELECT claim.number, holder.id
             FROM unnest($1::int8[], $2::uuid[], $3::text[]) AS claim (number, id, reference)
             JOIN product AS holder ON holder.external_reference = claim.reference
                AND holder.external_reference IS NOT NULL AND NOT holder.withdrawn
                AND holder.id <> claim.id"
        }
        Kind::Order => {
            "SELECT claim.number, holder.id
             FROM unnest($1::int8[], $2::uuid[], $3::text[]) AS claim (number, id, reference)
             JOIN customer_order AS holder ON holder.external_reference = claim.reference
                AND holder.external_reference IS NOT NULL AND holder.id <> claim.id"
        }
    };
    let numbers: Vec<i64> = claims.iter().map(|(index, ..)| *index as i64).collect();
    let ids: Vec<Uuid> = claims.iter().map(|(_, id, _)| *id.as_uuid()).collect();
    let references: Vec<&str> = claims
        .iter()
        .map(|(.., reference)| reference.as_str())
        .collect();
    let rows = sqlx::query(statement)
        .bind(numbers)
        .bind(ids)
        .bind(references)
        .fetch_all(connection)
        .await?;
    let taken = |row: &PgRow| {
        Ok(TakenReference {
            index: row.try_get::<i64, _>(0)? as usize,
            holder: EntityId::from_uuid(kind, row.try_get(1)?),
        })
    };
    rows.iter().map(taken).collect()
}
