//! The rows of an opened file as a source for the check.
//!
//! Values are read as they are stored, whatever their type: a damaged row must be reported, not end
//! the check.

use async_trait::async_trait;
use fritzy_domain::Kind;
use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteRow, SqliteValueRef};
use sqlx::{AssertSqlSafe, Row, SqliteConnection, TypeInfo, ValueRef};

use super::lists::{self, WALKS};
use super::schema;
use super::values::{PAGE_ROWS, bytes, int, text};
use crate::sqlite::error::is_damage;
use crate::verify::{
    DuplicateRow, Each, EventKey, EventRow, LineRow, ListedTo, SchemaDifference, ShardRow,
    SharedReferenceRow, Source, SourceError, StateRow, TotalRow, Value, columns,
};

/// The index that has the order of the merge.
const BY_VERSION: &str = "index journal_version";

/// One connection in one transaction.
pub(super) struct SqliteRows {
    pub(super) connection: SqliteConnection,
}

impl SqliteRows {
    pub(super) fn new(connection: SqliteConnection) -> Self {
        Self { connection }
    }

    /// Names the journal in the order of the merge. Runs first, since SQLite creates no temporary
    /// object in a transaction that has met damage. Without its index each page would sort
    /// everything, so then everything is sorted once, into a temporary table. Tables of orders have
    /// no such index; theirs are filled when they are read, so that damage to them is theirs.
    async fn prepare_order(&mut self, indexed: bool) -> Result<(), sqlx::Error> {
        let statements: &[&'static str] = if indexed {
            &["CREATE TEMP VIEW by_version AS SELECT rowid AS row, * FROM main.journal"]
        } else {
            &[
                "CREATE TEMP TABLE walk (entity_id, version, row, PRIMARY KEY (entity_id, version, row))
                    WITHOUT ROWID",
                "INSERT INTO walk SELECT entity_id, version, rowid FROM main.journal
                    ORDER BY entity_id, version, rowid",
                "CREATE TEMP VIEW by_version AS
                    SELECT walk.row, walk.entity_id, walk.version, journal.shard, journal.position,
                        journal.event_id, journal.event_type, journal.payload, journal.command_id,
                        journal.fingerprint
                    FROM temp.walk CROSS JOIN main.journal ON journal.rowid = walk.row",
            ]
        };
        for &statement in statements.iter().chain(&WALKS) {
            sqlx::query(statement).execute(&mut self.connection).await?;
        }
        Ok(())
    }

    /// What SQLite reports about a table (its name, quoted), or about all tables, up to a number of
    /// findings.
    async fn integrity(&mut self, what: &str) -> Result<Vec<String>, sqlx::Error> {
        let statement = AssertSqlSafe(format!("PRAGMA integrity_check({what})"));
        let rows = sqlx::query(statement)
            .fetch_all(&mut self.connection)
            .await?;
        let lines: Result<Vec<String>, _> = rows.iter().map(|row| text(row, 0)).collect();
        Ok(lines?.into_iter().filter(|line| line != "ok").collect())
    }

    async fn each<T: Send>(
        &mut self,
        statement: &'static str,
        read: fn(&SqliteRow) -> Result<T, sqlx::Error>,
        each: Each<'_, T>,
    ) -> Result<(), SourceError> {
        let mut rows = sqlx::query(statement).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            each(read(&row).map_err(failed)?);
        }
        Ok(())
    }
}

#[async_trait]
impl Source for SqliteRows {
    async fn schema_differences(&mut self) -> Result<Vec<SchemaDifference>, SourceError> {
        let found = schema::differences(&mut self.connection).await;
        let found = found.map_err(failed)?;
        if found.iter().all(|difference| difference.readable) {
            let indexed = found
                .iter()
                .all(|difference| difference.object != BY_VERSION);
            self.prepare_order(indexed).await.map_err(failed)?;
        }
        Ok(found)
    }

    async fn damages(&mut self, limit: u32) -> Result<Vec<String>, SourceError> {
        match self.integrity(&limit.to_string()).await {
            Ok(lines) => return Ok(lines),
            Err(failure) => drop(damage(failure)?),
        }
        // One malformed page ends the check of all tables; the others are still worth checking.
        let tables = sqlx::query("SELECT name FROM main.sqlite_schema WHERE type = 'table'")
            .fetch_all(&mut self.connection)
            .await
            .map_err(failed)?;
        let mut found = Vec::new();
        for table in &tables {
            let name = text(table, 0).map_err(failed)?;
            let quoted = format!("'{}'", name.replace('\'', "''"));
            match self.integrity(&quoted).await {
                Ok(lines) => found.extend(lines),
                Err(failure) => found.push(format!("table {name}: {}", damage(failure)?)),
            }
        }
        found.truncate(limit as usize);
        Ok(found)
    }

    async fn shard_count(&mut self) -> Result<Option<String>, SourceError> {
        let row = sqlx::query("SELECT value FROM main.meta WHERE name = 'shards'")
            .fetch_optional(&mut self.connection)
            .await
            .map_err(failed)?;
        row.map(|row| text(&row, 0)).transpose().map_err(failed)
    }

    async fn shards(&mut self, each: Each<'_, ShardRow>) -> Result<(), SourceError> {
        let read = |row: &SqliteRow| {
            Ok(ShardRow {
                shard: int(row, 0)?,
                epoch: int(row, 1)?,
            })
        };
        let statement = "SELECT shard, epoch FROM main.shard ORDER BY shard";
        self.each(statement, read, each).await
    }

    async fn positions(&mut self, each: Each<'_, (i64, i64)>) -> Result<(), SourceError> {
        let statement = "SELECT shard, position FROM main.journal ORDER BY shard, position";
        let read = |row: &SqliteRow| Ok((int(row, 0)?, int(row, 1)?));
        self.each(statement, read, each).await
    }

    async fn events(&mut self, after: Option<&EventKey>) -> Result<Vec<EventRow>, SourceError> {
        let query = sqlx::query(
            "SELECT entity_id, version, row, shard, position, event_type, payload, command_id,
                fingerprint
             FROM by_version WHERE (entity_id, version, row) > (?, ?, ?)
             ORDER BY entity_id, version, row LIMIT ?",
        );
        // A text sorts before all blobs: even an empty id comes after it.
        let query = match after {
            None => query.bind("").bind(0_i64).bind(0_i64),
            Some(key) => query.bind(&key.entity[..]).bind(key.version).bind(key.row),
        };
        let rows = query.bind(PAGE_ROWS).fetch_all(&mut self.connection).await;
        rows.map_err(failed)?
            .iter()
            .map(|row| event(row).map_err(failed))
            .collect()
    }

    async fn states(
        &mut self,
        kind: Kind,
        after: Option<&[u8]>,
    ) -> Result<Vec<StateRow>, SourceError> {
        let table = match kind {
            Kind::Account => "account",
            Kind::Product => "product",
            Kind::Order => "customer_order",
        };
        // All parts are literals of this crate.
        let statement = format!(
            "SELECT id, version, {} FROM main.{table} WHERE id > ? ORDER BY id LIMIT ?",
            columns(kind).join(", ")
        );
        let query = sqlx::query(AssertSqlSafe(statement));
        let query = match after {
            None => query.bind(""),
            Some(id) => query.bind(id),
        };
        let rows = query.bind(PAGE_ROWS).fetch_all(&mut self.connection).await;
        rows.map_err(failed)?
            .iter()
            .map(|row| state(row).map_err(failed))
            .collect()
    }

    async fn lines(&mut self, after: Option<&LineRow>) -> Result<Vec<LineRow>, SourceError> {
        lists::lines(&mut self.connection, after)
            .await
            .map_err(failed)
    }

    async fn listed_to(&mut self) -> Result<Option<ListedTo>, SourceError> {
        let found = lists::listed_to(&mut self.connection).await;
        found.map(Some).map_err(failed)
    }

    async fn unlisted(&mut self, after: Option<&[u8]>) -> Result<Vec<Vec<u8>>, SourceError> {
        let ids = lists::unlisted(&mut self.connection, after).await;
        ids.map_err(failed)
    }

    fn has_totals(&self) -> bool {
        true
    }

    async fn totals(&mut self, after: Option<&TotalRow>) -> Result<Vec<TotalRow>, SourceError> {
        lists::totals(&mut self.connection, after)
            .await
            .map_err(failed)
    }

    async fn duplicate_event_ids(
        &mut self,
        each: Each<'_, DuplicateRow>,
    ) -> Result<(), SourceError> {
        let statement = "SELECT event_id, entity_id, version, shard, position, event_type, payload,
                fingerprint
             FROM main.journal WHERE event_id IN
                (SELECT event_id FROM main.journal GROUP BY event_id HAVING count(*) > 1)
             ORDER BY event_id, entity_id, version";
        self.each(statement, duplicate, each).await
    }

    async fn repeated_commands(&mut self, each: Each<'_, DuplicateRow>) -> Result<(), SourceError> {
        let statement = "SELECT command_id, entity_id, version, shard, position, event_type,
                payload, fingerprint
             FROM main.journal WHERE command_id IN
                (SELECT command_id FROM main.journal GROUP BY command_id HAVING count(*) > 1)
             ORDER BY command_id, entity_id, version";
        self.each(statement, duplicate, each).await
    }

    async fn shared_references(
        &mut self,
        kind: Kind,
        each: Each<'_, SharedReferenceRow>,
    ) -> Result<(), SourceError> {
        let statement = match kind {
            Kind::Account => {
                "SELECT external_reference, id, version FROM (
                    SELECT *, count(*) OVER (PARTITION BY external_reference) AS holders
                    FROM main.account WHERE external_reference IS NOT NULL AND NOT closed
                 ) AS held WHERE holders > 1 ORDER BY 1, id"
            }
            Kind::Product => {
                "SELECT external_reference, id, version FROM (
                    SELECT *, count(*) OVER (PARTITION BY external_reference) AS holders
                    FROM main.product WHERE external_reference IS NOT NULL AND NOT withdrawn
                 ) AS held WHERE holders > 1 ORDER BY 1, id"
            }
            Kind::Order => {
                "SELECT external_reference, id, version FROM (
                    SELECT *, count(*) OVER (PARTITION BY external_reference) AS holders
                    FROM main.customer_order WHERE external_reference IS NOT NULL
                 ) AS held WHERE holders > 1 ORDER BY 1, id"
            }
        };
        self.each(statement, shared_reference, each).await
    }

    async fn orders_without_account(
        &mut self,
        each: Each<'_, (Vec<u8>, Vec<u8>)>,
    ) -> Result<(), SourceError> {
        let statement = "SELECT id, account_id FROM main.customer_order AS o WHERE NOT EXISTS
                (SELECT 1 FROM by_version WHERE entity_id = o.account_id
                    AND event_type LIKE 'account.%')
             ORDER BY account_id, created_at, id";
        let read = |row: &SqliteRow| Ok((bytes(row, 0)?, bytes(row, 1)?));
        self.each(statement, read, each).await
    }
}

fn event(row: &SqliteRow) -> Result<EventRow, sqlx::Error> {
    Ok(EventRow {
        key: EventKey {
            entity: bytes(row, 0)?,
            version: int(row, 1)?,
            row: int(row, 2)?,
        },
        shard: int(row, 3)?,
        position: int(row, 4)?,
        event_type: text(row, 5)?,
        payload: bytes(row, 6)?,
        command: bytes(row, 7)?,
        fingerprint: row.try_get_unchecked(8)?,
    })
}

fn duplicate(row: &SqliteRow) -> Result<DuplicateRow, sqlx::Error> {
    Ok(DuplicateRow {
        key: bytes(row, 0)?,
        entity: bytes(row, 1)?,
        version: int(row, 2)?,
        shard: int(row, 3)?,
        position: int(row, 4)?,
        event_type: text(row, 5)?,
        payload: bytes(row, 6)?,
        fingerprint: row.try_get_unchecked(7)?,
    })
}

fn shared_reference(row: &SqliteRow) -> Result<SharedReferenceRow, sqlx::Error> {
    Ok(SharedReferenceRow {
        reference: text(row, 0)?,
        id: bytes(row, 1)?,
        version: int(row, 2)?,
    })
}

fn state(row: &SqliteRow) -> Result<StateRow, sqlx::Error> {
    let columns = (2..row.len()).map(|column| value(row, column));
    Ok(StateRow {
        id: bytes(row, 0)?,
        version: int(row, 1)?,
        columns: columns.collect::<Result<_, _>>()?,
    })
}

fn value(row: &SqliteRow, column: usize) -> Result<Value, sqlx::Error> {
    let raw: SqliteValueRef<'_> = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().name() {
        "INTEGER" => Value::Int(int(row, column)?),
        "TEXT" => Value::Text(text(row, column)?),
        _ => Value::Bytes(bytes(row, column)?),
    })
}

/// The damage, if that was the failure.
fn damage(failure: sqlx::Error) -> Result<String, SourceError> {
    match failed(failure) {
        SourceError::Damaged(reason) => Ok(reason),
        unavailable @ SourceError::Unavailable(_) => Err(unavailable),
    }
}

fn failed(failure: sqlx::Error) -> SourceError {
    if is_damage(&failure) {
        SourceError::Damaged(failure.to_string())
    } else {
        SourceError::Unavailable(failure.to_string())
    }
}
