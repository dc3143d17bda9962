//! What a database has.

use fritzy_domain::EventId;
use fritzy_types::ShardId;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::batch_statement::small;
use crate::backups::DatabaseContents;
use crate::continuity::KnownHead;
use crate::rows::signed;

/// What the database has. One of a version before generations is in its first one.
pub(super) async fn read_contents(
    connection: &mut PgConnection,
) -> Result<DatabaseContents, sqlx::Error> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM shard), to_regclass('generation') IS NOT NULL",
    )
    .fetch_one(&mut *connection)
    .await?;
    let count = |column: usize| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    let (events, shards) = (count(0)?, count(1)?);
    let generation = match row.try_get(2)? {
        false => 1,
        true => {
            let row = sqlx::query("SELECT coalesce(max(number), 1) FROM generation")
                .fetch_one(connection)
                .await?;
            row.try_get::<i64, _>(0)?.cast_unsigned()
        }
    };
    Ok(DatabaseContents {
        events,
        shards,
        generation,
    })
}

/// The last event of each shard that has events.
pub(super) async fn read_heads(
    connection: &mut PgConnection,
) -> Result<Vec<KnownHead>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT shard.shard, last.position, last.event_id FROM shard CROSS JOIN LATERAL (
            SELECT position, event_id FROM journal WHERE journal.shard = shard.shard
            ORDER BY position DESC LIMIT 1) AS last",
    )
    .fetch_all(connection)
    .await?;
    let head = |row: &PgRow| {
        Ok(KnownHead {
            shard: ShardId(row.try_get::<i16, _>(0)?.cast_unsigned()),
            position: row.try_get::<i64, _>(1)?.cast_unsigned(),
            event: EventId::from_uuid(row.try_get(2)?),
        })
    };
    rows.iter().map(head).collect()
}

/// Those of `heads` that are not there.
pub(super) async fn missing(
    connection: &mut PgConnection,
    heads: &[KnownHead],
) -> Result<Vec<KnownHead>, sqlx::Error> {
    let mut missing = Vec::new();
    for head in heads {
        let found =
            sqlx::query("SELECT FROM journal WHERE shard = $1 AND position = $2 AND event_id = $3")
                .bind(small(head.shard.0))
                .bind(signed(head.position))
                .bind(*head.event.as_uuid())
                .fetch_optional(&mut *connection)
                .await?;
        if found.is_none() {
            missing.push(*head);
        }
    }
    Ok(missing)
}
