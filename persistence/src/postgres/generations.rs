//! The tables of generations: reading them, beginning a new one, and adding what was lost.

use fritzy_domain::Position;
use fritzy_types::ShardId;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, PgExecutor, Row};
use uuid::Uuid;

use super::batch_statement::small;
use crate::continuity::{Cause, GenerationId, KnownHead, LostRange};
use crate::rows::signed;

/// How much a new generation raises every epoch and the version of the cluster: no line of history
/// has that many changes of owners, so that nothing of an earlier line is ever the newest.
const RAISE: i64 = 1 << 32;

/// The first generation of a new database has its id.
pub(super) const FIRST: &str = "INSERT INTO generation (number, id)
    SELECT 1, value::uuid FROM meta WHERE name = 'generation'
        AND NOT EXISTS (SELECT 1 FROM generation) ON CONFLICT DO NOTHING";

const NEWEST: &str = "SELECT number, id FROM generation ORDER BY number DESC LIMIT 1";

/// Locks the newest generation: whoever begins another one waits here, and then finds it.
const LOCK_NEWEST: &str =
    "SELECT number, id FROM generation ORDER BY number DESC LIMIT 1 FOR UPDATE";

/// Waits for the batches in flight, in the order in which they lock their shards.
const LOCK_SHARDS: &str = "SELECT shard FROM shard ORDER BY shard FOR UPDATE";

/// Where the new generation begins. Usually that is the end of the journal. Where the journal has
/// other events at positions that this node has seen, the lines have parted somewhere before, at
/// the beginning of the last generation at the earliest.
const BEGIN_SHARDS: &str = "
    INSERT INTO generation_shard (generation, shard, kept, lost)
    SELECT $1, head.shard,
        CASE WHEN seen.position <= head.position THEN coalesce(last.kept, 0) ELSE head.position END,
        coalesce(seen.position, 0)
    FROM (
        SELECT shard, coalesce((SELECT position FROM journal WHERE journal.shard = shard.shard
            ORDER BY position DESC LIMIT 1), 0) AS position FROM shard
    ) AS head
    LEFT JOIN unnest($2::int2[], $3::int8[]) AS seen (shard, position) ON seen.shard = head.shard
    LEFT JOIN generation_shard AS last ON last.generation = $4 AND last.shard = head.shard
    RETURNING shard, kept, lost";

const KEEP_LESS: &str = "
    UPDATE generation_shard AS start SET kept = least(start.kept, common.position)
    FROM unnest($2::int2[], $3::int8[]) AS common (shard, position)
    WHERE start.generation = $1 AND start.shard = common.shard";

const EMPTY_OWNERS: &str = "UPDATE shard SET owner = NULL, epoch = epoch + $1";

const FENCE_NODES: &str = "UPDATE node SET fenced = true, fenced_at = now() WHERE NOT fenced";

const STEP_CURSORS_BACK: &str = "
    UPDATE projection_cursor AS saved SET position = start.kept, resets = resets + 1, stopped = NULL
    FROM generation_shard AS start
    WHERE start.generation = $1 AND start.shard = saved.shard AND saved.position > start.kept";

const RAISE_VERSION: &str = "UPDATE cluster_version SET version = version + $1";

const ADD_LOST: &str = "
    UPDATE generation_shard AS start SET lost = greatest(start.lost, seen.position)
    FROM unnest($2::int2[], $3::int8[]) AS seen (shard, position)
    WHERE start.generation = $1 AND start.shard = seen.shard AND seen.position > start.kept
    RETURNING start.shard, start.kept, seen.position AS lost";

/// A generation that has begun, and what is known to be lost.
pub(super) struct Begun {
    pub(super) generation: GenerationId,
    pub(super) lost: Vec<LostRange>,
}

/// Begins a new generation, numbered above both `found` and `known`. All at once it fences every
/// node, empties every owner, and raises every epoch and the version of the cluster. Returns `None`
/// when `found` is no longer the newest: another node was first.
pub(super) async fn begin(
    connection: &mut PgConnection,
    found: GenerationId,
    known: GenerationId,
    missing: &[KnownHead],
    cause: Cause,
) -> Result<Option<Begun>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let begun = begin_in(&mut transaction, found, known.number, missing, &[], cause).await?;
    match begun {
        Some(_) => transaction.commit().await?,
        None => transaction.rollback().await?,
    }
    Ok(begun)
}

/// Does it in a transaction of the caller, numbered above both `found` and `beyond`. No shard keeps
/// more than `kept` says.
pub(super) async fn begin_in(
    transaction: &mut PgConnection,
    found: GenerationId,
    beyond: u64,
    missing: &[KnownHead],
    kept: &[(ShardId, Position)],
    cause: Cause,
) -> Result<Option<Begun>, sqlx::Error> {
    sqlx::query(LOCK_NEWEST)
        .fetch_one(&mut *transaction)
        .await?;
    // A statement of its own: the one that waited for the lock does not see what came meanwhile.
    let row = sqlx::query(NEWEST).fetch_one(&mut *transaction).await?;
    if generation_id(&row)? != found {
        return Ok(None);
    }
    let generation = GenerationId {
        number: found.number.max(beyond) + 1,
        id: Uuid::new_v4(),
    };
    let number = signed(generation.number);
    sqlx::query(LOCK_SHARDS)
        .fetch_all(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO generation (number, id, in_place) VALUES ($1, $2, $3)")
        .bind(number)
        .bind(generation.id)
        .bind(cause.is_in_place())
        .execute(&mut *transaction)
        .await?;
    let (shards, positions) = columns(missing);
    let rows = sqlx::query(BEGIN_SHARDS)
        .bind(number)
        .bind(shards)
        .bind(positions)
        .bind(signed(found.number))
        .fetch_all(&mut *transaction)
        .await?;
    let (shards, positions): (Vec<i16>, Vec<i64>) = kept
        .iter()
        .map(|(shard, position)| (small(shard.0), signed(*position)))
        .unzip();
    let keeping = sqlx::query(KEEP_LESS).bind(number);
    let keeping = keeping.bind(shards).bind(positions);
    keeping.execute(&mut *transaction).await?;
    let owners = sqlx::query(EMPTY_OWNERS).bind(RAISE);
    owners.execute(&mut *transaction).await?;
    sqlx::query(FENCE_NODES).execute(&mut *transaction).await?;
    let cursors = sqlx::query(STEP_CURSORS_BACK).bind(number);
    cursors.execute(&mut *transaction).await?;
    let version = sqlx::query(RAISE_VERSION).bind(RAISE);
    version.execute(&mut *transaction).await?;
    let lost = lost_ranges(&rows)?;
    Ok(Some(Begun { generation, lost }))
}

/// Adds what this node has seen to the loss of a generation that another node has begun. Returns
/// what of it is lost.
pub(super) async fn add_lost(
    connection: &mut PgConnection,
    generation: GenerationId,
    seen: &[KnownHead],
) -> Result<Vec<LostRange>, sqlx::Error> {
    let (shards, positions) = columns(seen);
    let rows = sqlx::query(ADD_LOST)
        .bind(signed(generation.number))
        .bind(shards)
        .bind(positions)
        .fetch_all(connection)
        .await?;
    lost_ranges(&rows)
}

/// The newest generation.
pub(super) async fn newest(connection: &mut PgConnection) -> Result<GenerationId, sqlx::Error> {
    generation_id(&sqlx::query(NEWEST).fetch_one(connection).await?)
}

/// How many events are known to have been lost when a generation began.
pub(super) async fn lost_events(
    connection: &mut PgConnection,
    generation: GenerationId,
) -> Result<u64, sqlx::Error> {
    let row = sqlx::query(
        "SELECT coalesce(sum(greatest(0, lost - kept)), 0)::bigint FROM generation_shard WHERE generation = $1",
    )
    .bind(signed(generation.number))
    .fetch_one(connection)
    .await?;
    row.try_get::<i64, _>(0).map(i64::cast_unsigned)
}

/// All generations, as rows for [`generations`](crate::rows::generations).
pub(super) async fn read_all(executor: impl PgExecutor<'_>) -> Result<Vec<PgRow>, sqlx::Error> {
    sqlx::query(
        "SELECT number, id, (extract(epoch FROM began) * 1000000)::bigint AS began, in_place, shard, kept, lost
         FROM generation LEFT JOIN generation_shard ON generation = number ORDER BY number, shard",
    )
    .fetch_all(executor)
    .await
}

pub(super) fn columns(heads: &[KnownHead]) -> (Vec<i16>, Vec<i64>) {
    let column = |head: &KnownHead| (small(head.shard.0), signed(head.position));
    heads.iter().map(column).unzip()
}

pub(super) fn generation_id(row: &PgRow) -> Result<GenerationId, sqlx::Error> {
    Ok(GenerationId {
        number: row.try_get::<i64, _>("number")?.cast_unsigned(),
        id: row.try_get("id")?,
    })
}

fn lost_ranges(rows: &[PgRow]) -> Result<Vec<LostRange>, sqlx::Error> {
    let range = |row: &PgRow| {
        Ok::<_, sqlx::Error>(LostRange {
            shard: ShardId(row.try_get::<i16, _>("shard")?.cast_unsigned()),
            kept: row.try_get::<i64, _>("kept")?.cast_unsigned(),
            lost: row.try_get::<i64, _>("lost")?.cast_unsigned(),
        })
    };
    let mut ranges: Vec<LostRange> = rows.iter().map(range).collect::<Result<_, _>>()?;
    ranges.retain(|range| range.events() > 0);
    ranges.sort_unstable_by_key(|range| range.shard);
    Ok(ranges)
}
