//! What a file has, and whether it is damaged.

use fritzy_domain::EventId;
use fritzy_types::ShardId;
use sqlx::{Row, SqliteConnection};

use super::error::is_damage;
use crate::backups::DatabaseContents;
use crate::continuity::KnownHead;

/// What the file of a connection has.
pub(super) async fn read_contents(
    connection: &mut SqliteConnection,
) -> Result<DatabaseContents, sqlx::Error> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM shard),
            (SELECT count(*) FROM sqlite_schema WHERE name = 'generation')",
    )
    .fetch_one(&mut *connection)
    .await?;
    let count = |column: usize| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    let (events, shards) = (count(0)?, count(1)?);
    // A file of a version before generations is in its first one.
    let generation = match count(2)? {
        0 => 1,
        _ => {
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
    connection: &mut SqliteConnection,
) -> Result<Vec<KnownHead>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT shard.shard, position, event_id FROM shard JOIN journal ON journal.shard = shard.shard
            AND position = (SELECT max(position) FROM journal WHERE journal.shard = shard.shard)
         ORDER BY shard.shard",
    )
    .fetch_all(connection)
    .await?;
    let head = |row: &sqlx::sqlite::SqliteRow| {
        Ok(KnownHead {
            shard: ShardId(row.try_get(0)?),
            position: row.try_get::<i64, _>(1)?.cast_unsigned(),
            event: EventId::from_uuid(row.try_get(2)?),
        })
    };
    rows.iter().map(head).collect()
}

/// The first damage that SQLite finds in all pages and indexes; `None` if it finds none. It cannot
/// find values that were overwritten by others of the same form: pages have no checksums.
pub(super) async fn find_damage(
    connection: &mut SqliteConnection,
) -> Result<Option<String>, sqlx::Error> {
    let checked = sqlx::query("PRAGMA integrity_check(1)")
        .fetch_one(connection)
        .await;
    match checked {
        Ok(row) => {
            let found: String = row.try_get(0)?;
            // A heading, then one finding on each line.
            let findings = found.lines().filter(|line| !line.starts_with("***"));
            Ok((found != "ok").then(|| findings.collect::<Vec<_>>().join("; ")))
        }
        Err(failure) if is_damage(&failure) => Ok(Some(failure.to_string())),
        Err(failure) => Err(failure),
    }
}

/// A shard whose journal lacks positions; `None` if no shard does.
pub(super) async fn find_gap(
    connection: &mut SqliteConnection,
) -> Result<Option<String>, sqlx::Error> {
    let found = sqlx::query(
        "SELECT shard FROM journal GROUP BY shard HAVING count(*) <> max(position) LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    let named = |row: sqlx::sqlite::SqliteRow| {
        let shard: u16 = row.try_get(0)?;
        Ok(format!("positions are missing in shard {shard}"))
    };
    found.map(named).transpose()
}
