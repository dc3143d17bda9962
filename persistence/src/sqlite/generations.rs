//! The tables of generations: reading them, beginning a new one, and looking for what is known.

use fritzy_domain::{EventId, Generations, Position};
use fritzy_types::{ShardId, StorageError};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection, SqliteExecutor, SqlitePool};
use uuid::Uuid;

use super::damage::Damage;
use super::many_rows::ManyRows;
use crate::continuity::{Cause, GenerationId, KnownClaim, KnownHead, LostRange, Sighting};
use crate::rows::{generations, signed};

/// How much a new generation raises every epoch: no line of history has that many claims, so that
/// nothing of an earlier line is ever the newest.
const RAISE: i64 = 1 << 32;

const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// Returns the newest generation; gives a new database its first one.
pub(super) async fn first_or_newest(
    connection: &mut SqliteConnection,
) -> Result<GenerationId, sqlx::Error> {
    let first = format!(
        "INSERT INTO generation (number, id, began) SELECT 1, ?, {NOW}
         WHERE NOT EXISTS (SELECT 1 FROM generation)"
    );
    // A constant of this file.
    sqlx::query(sqlx::AssertSqlSafe(first))
        .bind(Uuid::new_v4())
        .execute(&mut *connection)
        .await?;
    newest(connection).await
}

/// The newest generation.
pub(super) async fn newest(connection: &mut SqliteConnection) -> Result<GenerationId, sqlx::Error> {
    let row = sqlx::query("SELECT number, id FROM generation ORDER BY number DESC LIMIT 1")
        .fetch_one(connection)
        .await?;
    Ok(GenerationId {
        number: row.try_get::<i64, _>(0)?.cast_unsigned(),
        id: row.try_get(1)?,
    })
}

/// How many events are known to have been lost when a generation began.
pub(super) async fn lost_events(
    connection: &mut SqliteConnection,
    generation: GenerationId,
) -> Result<u64, sqlx::Error> {
    let row = sqlx::query(
        "SELECT coalesce(sum(max(0, lost - kept)), 0) FROM generation_shard WHERE generation = ?",
    )
    .bind(signed(generation.number))
    .fetch_one(connection)
    .await?;
    row.try_get::<i64, _>(0).map(i64::cast_unsigned)
}

/// The statements of a look, each prepared once.
pub(super) struct LookStatements {
    missing: ManyRows,
    undone: ManyRows,
    ends: ManyRows,
}

impl LookStatements {
    pub(super) fn new() -> Self {
        Self {
            missing: ManyRows::new(
                "WITH known (shard, position, event_id) AS (VALUES",
                "(?, ?, ?)",
                ") SELECT known.shard, known.position FROM known WHERE known.event_id IS NOT (
                    SELECT event_id FROM journal
                    WHERE journal.shard = known.shard AND journal.position = known.position)",
            ),
            undone: ManyRows::new(
                "WITH claim (shard, epoch) AS (VALUES",
                "(?, ?)",
                ") SELECT claim.shard FROM claim
                   JOIN shard ON shard.shard = claim.shard AND shard.epoch < claim.epoch",
            ),
            ends: ManyRows::new(
                "WITH claim (shard) AS (VALUES",
                "(?)",
                ") SELECT journal.shard, journal.position, journal.event_id FROM claim JOIN journal
                    ON journal.shard = claim.shard AND journal.position = (
                        SELECT max(position) FROM journal AS last WHERE last.shard = claim.shard)",
            ),
        }
    }
}

/// Looks for the newest generation and what is known of it, in one snapshot.
pub(super) async fn look(
    connection: &mut SqliteConnection,
    statements: &LookStatements,
    heads: &[KnownHead],
    claims: &[KnownClaim],
) -> Result<Sighting, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let generation = newest(&mut transaction).await?;
    let missing = missing(&mut transaction, &statements.missing, heads).await?;
    let undone = undone(&mut transaction, &statements.undone, claims).await?;
    let ends = ends(&mut transaction, &statements.ends, claims).await?;
    transaction.rollback().await?;
    Ok(Sighting {
        generation,
        missing,
        undone,
        ends,
        heartbeat: None,
    })
}

async fn missing(
    connection: &mut SqliteConnection,
    statements: &ManyRows,
    heads: &[KnownHead],
) -> Result<Vec<KnownHead>, sqlx::Error> {
    let mut missing = Vec::new();
    for (statement, run) in statements.cut(heads) {
        let mut query = sqlx::query(statement);
        for head in run {
            query = query
                .bind(head.shard.0)
                .bind(signed(head.position))
                .bind(*head.event.as_uuid());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let (shard, position): (u16, i64) = (row.try_get(0)?, row.try_get(1)?);
            let is_it =
                |head: &&KnownHead| head.shard.0 == shard && signed(head.position) == position;
            missing.extend(run.iter().filter(is_it).copied());
        }
    }
    Ok(missing)
}

async fn undone(
    connection: &mut SqliteConnection,
    statements: &ManyRows,
    claims: &[KnownClaim],
) -> Result<Vec<KnownClaim>, sqlx::Error> {
    let mut undone = Vec::new();
    for (statement, run) in statements.cut(claims) {
        let mut query = sqlx::query(statement);
        for claim in run {
            query = query.bind(claim.shard.0).bind(signed(claim.epoch.0));
        }
        for row in query.fetch_all(&mut *connection).await? {
            let shard: u16 = row.try_get(0)?;
            undone.extend(run.iter().filter(|claim| claim.shard.0 == shard).copied());
        }
    }
    Ok(undone)
}

/// The last events of the shards that were not read since they were claimed.
async fn ends(
    connection: &mut SqliteConnection,
    statements: &ManyRows,
    claims: &[KnownClaim],
) -> Result<Vec<KnownHead>, sqlx::Error> {
    let unread = claims.iter().filter(|claim| !claim.is_read);
    let unread: Vec<KnownClaim> = unread.copied().collect();
    let mut ends = Vec::new();
    for (statement, run) in statements.cut(&unread) {
        let mut query = sqlx::query(statement);
        for claim in run {
            query = query.bind(claim.shard.0);
        }
        for row in query.fetch_all(&mut *connection).await? {
            ends.push(KnownHead {
                shard: ShardId(row.try_get(0)?),
                position: row.try_get::<i64, _>(1)?.cast_unsigned(),
                event: EventId::from_uuid(row.try_get(2)?),
            });
        }
    }
    Ok(ends)
}

/// Begins a new generation, numbered above both `found` and `known`. All at once it empties every
/// owner and raises every epoch. Returns it with what is known to be lost.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    found: GenerationId,
    known: GenerationId,
    missing: &[KnownHead],
    cause: Cause,
) -> Result<(GenerationId, Vec<LostRange>), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let begun = begin_in(&mut transaction, found, known.number, missing, &[], cause).await?;
    transaction.commit().await?;
    Ok(begun)
}

/// Does it in a transaction of the caller, numbered above both `found` and `beyond`. No shard keeps
/// more than `kept` says.
pub(super) async fn begin_in(
    transaction: &mut SqliteConnection,
    found: GenerationId,
    beyond: u64,
    missing: &[KnownHead],
    kept: &[(ShardId, Position)],
    cause: Cause,
) -> Result<(GenerationId, Vec<LostRange>), sqlx::Error> {
    let generation = GenerationId {
        number: found.number.max(beyond) + 1,
        id: Uuid::new_v4(),
    };
    let number = signed(generation.number);
    let insert =
        format!("INSERT INTO generation (number, id, began, in_place) VALUES (?, ?, {NOW}, ?)");
    sqlx::query(sqlx::AssertSqlSafe(insert))
        .bind(number)
        .bind(generation.id)
        .bind(cause.is_in_place())
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "INSERT INTO generation_shard (generation, shard, kept) SELECT ?, shard, coalesce(
            (SELECT max(position) FROM journal WHERE journal.shard = shard.shard), 0) FROM shard",
    )
    .bind(number)
    .execute(&mut *transaction)
    .await?;
    // Of shards that the file does not have: it is of another number of shards.
    let mut absent = Vec::new();
    for head in missing {
        // Where the journal has another event at a known position, the lines have parted somewhere
        // before, at the beginning of the last generation at the earliest.
        let noted = sqlx::query(
            "UPDATE generation_shard AS start SET lost = ?1, kept = CASE WHEN kept < ?1 THEN kept ELSE coalesce((
                SELECT kept FROM generation_shard AS last WHERE last.generation = ?2 AND last.shard = start.shard), 0) END
             WHERE generation = ?3 AND shard = ?4",
        )
        .bind(signed(head.position))
        .bind(signed(found.number))
        .bind(number)
        .bind(head.shard.0)
        .execute(&mut *transaction)
        .await?;
        if noted.rows_affected() == 0 {
            absent.push(LostRange {
                shard: head.shard,
                kept: 0,
                lost: head.position,
            });
        }
    }
    for (shard, position) in kept {
        sqlx::query(
            "UPDATE generation_shard SET kept = min(kept, ?) WHERE generation = ? AND shard = ?",
        )
        .bind(signed(*position))
        .bind(number)
        .bind(shard.0)
        .execute(&mut *transaction)
        .await?;
    }
    sqlx::query("UPDATE shard SET owner = NULL, epoch = epoch + ?")
        .bind(RAISE)
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "UPDATE projection_cursor AS saved SET position = start.kept, resets = resets + 1, stopped = NULL
         FROM generation_shard AS start
         WHERE start.generation = ? AND start.shard = saved.shard AND saved.position > start.kept",
    )
    .bind(number)
    .execute(&mut *transaction)
    .await?;
    let rows = sqlx::query(
        "SELECT shard, kept, lost FROM generation_shard WHERE generation = ? AND lost > kept ORDER BY shard",
    )
    .bind(number)
    .fetch_all(&mut *transaction)
    .await?;
    let mut lost = rows.iter().map(lost_range).collect::<Result<Vec<_>, _>>()?;
    lost.extend(absent);
    Ok((generation, lost))
}

fn lost_range(row: &SqliteRow) -> Result<LostRange, sqlx::Error> {
    Ok(LostRange {
        shard: ShardId(row.try_get(0)?),
        kept: row.try_get::<i64, _>(1)?.cast_unsigned(),
        lost: row.try_get::<i64, _>(2)?.cast_unsigned(),
    })
}

/// All generations.
pub(super) async fn read_all(
    pool: &SqlitePool,
    damage: &Damage,
) -> Result<Generations, StorageError> {
    let rows = read_rows(pool).await;
    generations(&rows.map_err(|failure| damage.read_error(failure))?)
}

/// All generations, as rows for [`generations`].
pub(super) async fn read_rows(
    executor: impl SqliteExecutor<'_>,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    sqlx::query(
        "SELECT number, id, began, in_place, shard, kept, lost FROM generation
         LEFT JOIN generation_shard ON generation = number ORDER BY number, shard",
    )
    .fetch_all(executor)
    .await
}
