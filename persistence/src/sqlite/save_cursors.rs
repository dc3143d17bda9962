//! Saving the cursors of projections.

use fritzy_domain::CursorMove;
use fritzy_types::ShardId;
use sqlx::SqliteConnection;

use crate::rows::signed;

/// Saves cursors within a transaction. Returns the shards whose cursors were not saved.
pub(super) async fn save_cursors(
    connection: &mut SqliteConnection,
    projection: &str,
    moves: &[CursorMove],
) -> Result<Vec<ShardId>, sqlx::Error> {
    let mut not_saved = Vec::new();
    for CursorMove { lease, cursor } in moves {
        let saved = sqlx::query(
            "INSERT INTO projection_cursor AS kept (projection, shard, position, resets, stopped, event_id, event_position)
             SELECT ?1, shard, ?2, ?3, ?4, (SELECT event_id FROM journal
                WHERE journal.shard = shard.shard AND journal.position = ?2), ?2
             FROM shard WHERE shard = ?5 AND owner = ?6 AND epoch = ?7
             ON CONFLICT (projection, shard) DO UPDATE SET position = excluded.position, stopped = excluded.stopped,
                event_id = excluded.event_id, event_position = excluded.event_position
             WHERE kept.resets = excluded.resets AND kept.position <= excluded.position",
        )
        .bind(projection)
        .bind(signed(cursor.position))
        .bind(signed(cursor.resets))
        .bind(cursor.stopped.as_deref())
        .bind(lease.shard.0)
        .bind(*lease.owner.as_uuid())
        .bind(signed(lease.epoch.0))
        .execute(&mut *connection)
        .await?;
        if saved.rows_affected() == 0 {
            not_saved.push(lease.shard);
        }
    }
    Ok(not_saved)
}
