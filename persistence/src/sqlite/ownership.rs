//! Claims of shards. The file lock excludes other processes; the epochs fence the earlier runs and
//! the earlier claims of this process.

use async_trait::async_trait;
use fritzy_types::{Epoch, NodeId, Ownership, ShardCount, ShardId, ShardLease, StorageError};
use sqlx::{Connection, Row, SqliteConnection, SqlitePool};

use super::continuity::SqliteContinuity;

/// Writes the number of shards and their rows into a new database. Returns the number of shards
/// that the database has.
pub(super) async fn prepare_shards(
    writer: &mut SqliteConnection,
    shards: ShardCount,
) -> Result<u16, sqlx::Error> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("INSERT INTO meta (name, value) VALUES ('shards', ?) ON CONFLICT DO NOTHING")
        .bind(shards.get().to_string())
        .execute(&mut *transaction)
        .await?;
    let row = sqlx::query("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'shards'")
        .fetch_one(&mut *transaction)
        .await?;
    let found: u16 = row.try_get(0)?;
    sqlx::query(
        "WITH RECURSIVE number (shard) AS (
             SELECT 0 UNION ALL SELECT shard + 1 FROM number WHERE shard + 1 < ?
         )
         INSERT INTO shard (shard, epoch) SELECT shard, 0 FROM number WHERE true
         ON CONFLICT DO NOTHING",
    )
    .bind(found)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(found)
}

pub(super) struct SqliteOwnership {
    shards: ShardCount,
    /// Claims are rare and wait for the committer's transactions like any second writer.
    writer: SqlitePool,
    continuity: SqliteContinuity,
}

impl SqliteOwnership {
    pub(super) const fn new(
        shards: ShardCount,
        writer: SqlitePool,
        continuity: SqliteContinuity,
    ) -> Self {
        Self {
            shards,
            writer,
            continuity,
        }
    }
}

#[async_trait]
impl Ownership for SqliteOwnership {
    fn shard_count(&self) -> ShardCount {
        self.shards
    }

    async fn claim(
        &self,
        owner: NodeId,
        shards: &[ShardId],
    ) -> Result<Vec<ShardLease>, StorageError> {
        let damage = self.continuity.damage();
        damage.refuse()?;
        let mut connection = self
            .writer
            .acquire()
            .await
            .map_err(|failure| damage.read_error(failure))?;
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|failure| damage.read_error(failure))?;
        let mut leases = Vec::with_capacity(shards.len());
        for &shard in shards {
            let row = sqlx::query(
                "UPDATE shard SET owner = ?, epoch = epoch + 1 WHERE shard = ? RETURNING epoch",
            )
            .bind(*owner.as_uuid())
            .bind(shard.0)
            .fetch_one(&mut *transaction)
            .await
            .map_err(|failure| damage.read_error(failure))?;
            let epoch: i64 = row
                .try_get(0)
                .map_err(|failure| damage.read_error(failure))?;
            leases.push(ShardLease {
                shard,
                owner,
                epoch: Epoch(epoch.cast_unsigned()),
            });
        }
        transaction
            .commit()
            .await
            .map_err(|failure| damage.read_error(failure))?;
        self.continuity.note_claims(&leases);
        Ok(leases)
    }
}
