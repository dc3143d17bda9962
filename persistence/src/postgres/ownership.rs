//! Claims of shards.

use async_trait::async_trait;
use fritzy_types::{Epoch, NodeId, Ownership, ShardCount, ShardId, ShardLease, StorageError};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

use super::batch_statement::small;
use super::continuity::Continuity;
use super::read_pool::ReadPool;
use crate::rows::read_error;

/// Writes the number of shards, the generation and the rows of the shards into a new database.
/// Returns the number of shards that the database has.
pub(super) async fn prepare_shards(
    connection: &mut PgConnection,
    shards: ShardCount,
) -> Result<String, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    // Two nodes may get here at once: the second waits for the first, and finds the rows written.
    sqlx::query(
        "INSERT INTO meta (name, value) VALUES ('shards', $1), ('generation', gen_random_uuid()::text)
         ON CONFLICT DO NOTHING",
    )
    .bind(shards.get().to_string())
    .execute(&mut *transaction)
    .await?;
    let row = sqlx::query("SELECT value FROM meta WHERE name = 'shards'")
        .fetch_one(&mut *transaction)
        .await?;
    let found: String = row.try_get(0)?;
    sqlx::query(
        "INSERT INTO shard (shard, epoch)
         SELECT number, 0 FROM generate_series(0, $1::int - 1) AS number ON CONFLICT DO NOTHING",
    )
    .bind(found.parse::<i32>().unwrap_or_default())
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(found)
}

pub(super) struct PostgresOwnership {
    shards: ShardCount,
    reads: ReadPool,
    continuity: Continuity,
}

impl PostgresOwnership {
    pub(super) const fn new(shards: ShardCount, reads: ReadPool, continuity: Continuity) -> Self {
        Self {
            shards,
            reads,
            continuity,
        }
    }
}

#[async_trait]
impl Ownership for PostgresOwnership {
    fn shard_count(&self) -> ShardCount {
        self.shards
    }

    async fn claim(
        &self,
        owner: NodeId,
        shards: &[ShardId],
    ) -> Result<Vec<ShardLease>, StorageError> {
        let numbers: Vec<i16> = shards.iter().map(|shard| small(shard.0)).collect();
        let switches = self.continuity.switches();
        // Rows are locked in the order in which batches lock them. Only a claim that knows that it
        // has succeeded reads epochs, so a retry after a lost result just raises them once more.
        let rows = self
            .reads
            .run(|pool| {
                let numbers = numbers.clone();
                async move {
                    sqlx::query(
                        "UPDATE shard SET owner = $1, epoch = epoch + 1
                         FROM (SELECT shard FROM shard WHERE shard = ANY($2) ORDER BY shard FOR UPDATE) AS mine
                         WHERE shard.shard = mine.shard RETURNING shard.shard, shard.epoch",
                    )
                    .bind(*owner.as_uuid())
                    .bind(numbers)
                    .fetch_all(&pool)
                    .await
                }
            })
            .await?;
        let lease = |row: &sqlx::postgres::PgRow| {
            let (shard, epoch): (i16, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok(ShardLease {
                shard: ShardId(shard.cast_unsigned()),
                owner,
                epoch: Epoch(epoch.cast_unsigned()),
            })
        };
        let leases: Result<Vec<_>, sqlx::Error> = rows.iter().map(lease).collect();
        let mut leases = leases.map_err(read_error)?;
        leases.sort_unstable_by_key(|lease| lease.shard);
        self.continuity.note_claims(switches, &leases);
        if leases.len() == shards.len() {
            Ok(leases)
        } else {
            Err(StorageError::Unreadable(
                "the table of shards lacks rows".into(),
            ))
        }
    }
}
