//! Saving the cursors of projections.

use fritzy_domain::Cursor;
use fritzy_types::{ShardId, ShardLease};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Postgres, QueryBuilder, Row};

use super::batch_statement::small;
use super::unnest::Unnest;
use crate::rows::signed;

/// Saves cursors, each under its lease. Returns the shards whose cursors were not saved.
pub(super) async fn save_cursors(
    connection: &mut PgConnection,
    projection: &str,
    moves: &[(ShardLease, &Cursor)],
) -> Result<Vec<ShardId>, sqlx::Error> {
    let mut statement = QueryBuilder::<Postgres>::new("WITH wanted AS (SELECT * FROM unnest(");
    Unnest::new(&mut statement, moves)
        .column("int2[]", |(lease, _)| small(lease.shard.0))
        .column("uuid[]", |(lease, _)| *lease.owner.as_uuid())
        .column("int8[]", |(lease, _)| signed(lease.epoch.0))
        .column("int8[]", |(_, cursor)| signed(cursor.position))
        .column("int8[]", |(_, cursor)| signed(cursor.resets))
        .column("text[]", |(_, cursor)| cursor.stopped.clone());
    // The fence is that of a batch: a claim waits for this statement, or this statement for the
    // claim.
    statement
        .push(
            ") AS w (shard, owner, epoch, position, resets, stopped)
), held AS (
    SELECT wanted.* FROM wanted JOIN shard USING (shard)
    WHERE shard.owner = wanted.owner AND shard.epoch = wanted.epoch ORDER BY shard FOR SHARE OF shard
), saved AS (
    INSERT INTO projection_cursor AS kept (projection, shard, position, resets, stopped, event_id, event_position)
    SELECT ",
        )
        .push_bind(projection)
        .push(
            ", shard, position, resets, stopped, (SELECT event_id FROM journal
            WHERE journal.shard = held.shard AND journal.position = held.position), position FROM held
    ON CONFLICT (projection, shard) DO UPDATE SET position = excluded.position, stopped = excluded.stopped,
        event_id = excluded.event_id, event_position = excluded.event_position
    WHERE kept.resets = excluded.resets AND kept.position <= excluded.position
    RETURNING shard
)
SELECT shard FROM wanted WHERE shard NOT IN (SELECT shard FROM saved)",
        );
    let rows = statement.build().fetch_all(connection).await?;
    let shard = |row: &PgRow| Ok(ShardId(row.try_get::<i16, _>(0)?.cast_unsigned()));
    rows.iter().map(shard).collect()
}
