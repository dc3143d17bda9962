//! The rows of a database on PostgreSQL as a source for the check.

use async_trait::async_trait;
use fritzy_domain::Kind;
use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Connection, Row, TypeInfo, ValueRef};

use super::schema::{self, Schema};
use crate::verify::{
    DuplicateRow, Each, EventKey, EventRow, LineRow, SchemaDifference, ShardRow,
    SharedReferenceRow, Source, SourceError, StateRow, Value, columns,
};

/// Rows in a page: an order of 100 long lines is some 100 KB, so a page is at most some 50 MB, and
/// mostly 200 KB.
const PAGE_ROWS: u32 = 500;

/// SQLSTATEs of damaged data and indexes.
const DAMAGED: [&str; 2] = ["XX001", "XX002"];

/// Set before each part of the check: an error would end the whole transaction otherwise.
const SAVE: &str = "SAVEPOINT part";
const ROLL_BACK: &str = "ROLLBACK TO SAVEPOINT part";

/// One connection in one transaction.
pub(super) struct PostgresRows {
    connection: PgConnection,
    expected: Schema,
}

impl PostgresRows {
    pub(super) const fn new(connection: PgConnection, expected: Schema) -> Self {
        Self {
            connection,
            expected,
        }
    }

    pub(super) async fn close(self) {
        let _ = self.connection.close().await;
    }

    async fn command(&mut self, statement: &'static str) -> Result<(), SourceError> {
        let done = sqlx::raw_sql(statement).execute(&mut self.connection).await;
        done.map(drop).map_err(|failure| self::failed(&failure))
    }

    /// Classifies a failure; rolls back to the savepoint so that the transaction can continue.
    async fn failed(&mut self, failure: sqlx::Error) -> SourceError {
        let error = failed(&failure);
        match self.command(ROLL_BACK).await {
            Ok(()) => error,
            Err(lost) => lost,
        }
    }

    async fn each<T: Send>(
        &mut self,
        statement: &'static str,
        read: fn(&PgRow) -> Result<T, sqlx::Error>,
        each: Each<'_, T>,
    ) -> Result<(), SourceError> {
        self.command(SAVE).await?;
        let read_all = async {
            let mut rows = sqlx::query(statement).fetch(&mut self.connection);
            while let Some(row) = rows.try_next().await? {
                each(read(&row)?);
            }
            Ok::<_, sqlx::Error>(())
        };
        match read_all.await {
            Ok(()) => Ok(()),
            Err(failure) => Err(self.failed(failure).await),
        }
    }

    async fn page<T>(
        &mut self,
        query: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
        read: fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, SourceError> {
        let rows = query.fetch_all(&mut self.connection).await;
        let rows = rows.and_then(|rows| rows.iter().map(read).collect());
        match rows {
            Ok(rows) => Ok(rows),
            Err(failure) => Err(self.failed(failure).await),
        }
    }
}

#[async_trait]
impl Source for PostgresRows {
    async fn schema_differences(&mut self) -> Result<Vec<SchemaDifference>, SourceError> {
        let found = schema::differences(&mut self.connection, &self.expected).await;
        found.map_err(|failure| failed(&failure))
    }

    /// The server looks after its own files; pages with wrong checksums are met while rows are
    /// read.
    async fn damages(&mut self, _limit: u32) -> Result<Vec<String>, SourceError> {
        Ok(vec![])
    }

    async fn shard_count(&mut self) -> Result<Option<String>, SourceError> {
        self.command(SAVE).await?;
        let query = sqlx::query("SELECT value FROM meta WHERE name = 'shards'");
        let mut found = self.page(query, |row| row.try_get(0)).await?;
        Ok(found.pop())
    }

    async fn shards(&mut self, each: Each<'_, ShardRow>) -> Result<(), SourceError> {
        let read = |row: &PgRow| {
            Ok(ShardRow {
                shard: row.try_get(0)?,
                epoch: row.try_get(1)?,
            })
        };
        let statement = "SELECT shard::bigint, epoch FROM shard ORDER BY shard";
        self.each(statement, read, each).await
    }

    async fn positions(&mut self, each: Each<'_, (i64, i64)>) -> Result<(), SourceError> {
        let statement = "SELECT shard::bigint, position FROM journal ORDER BY shard, position";
        let read = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
        self.each(statement, read, each).await
    }

    async fn events(&mut self, after: Option<&EventKey>) -> Result<Vec<EventRow>, SourceError> {
        if after.is_none() {
            self.command(SAVE).await?;
            // No index has this order over all shards: the server sorts once, for this cursor.
            self.command(
                "DECLARE by_entity NO SCROLL CURSOR FOR
                 SELECT uuid_send(entity_id), version,
                    row_number() OVER (ORDER BY entity_id, version, shard, position), shard::bigint, position,
                    event_type, payload::text, uuid_send(command_id), fingerprint
                 FROM journal ORDER BY entity_id, version, shard, position",
            )
            .await?;
        }
        let fetch = AssertSqlSafe(format!("FETCH {PAGE_ROWS} FROM by_entity"));
        self.page(sqlx::query(fetch), event).await
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
        let columns: Vec<String> = columns(kind)
            .iter()
            .map(|column| comparable(column))
            .collect();
        // All parts are literals of this crate.
        let statement = AssertSqlSafe(format!(
            "SELECT uuid_send(id), version, {} FROM {table}
             WHERE $1::bytea IS NULL OR uuid_send(id) > $1 ORDER BY id LIMIT $2",
            columns.join(", ")
        ));
        let query = sqlx::query(statement)
            .bind(after.map(<[u8]>::to_vec))
            .bind(i64::from(PAGE_ROWS));
        self.page(query, state).await
    }

    async fn lines(&mut self, after: Option<&LineRow>) -> Result<Vec<LineRow>, SourceError> {
        if after.is_none() {
            // Sorted once, as the events are.
            self.command(
                "DECLARE by_order NO SCROLL CURSOR FOR
                 SELECT uuid_send(order_id), uuid_send(product_id), created_at,
                    row_number() OVER (ORDER BY order_id, product_id, created_at)
                 FROM order_line ORDER BY order_id, product_id, created_at",
            )
            .await?;
        }
        let fetch = AssertSqlSafe(format!("FETCH {PAGE_ROWS} FROM by_order"));
        self.page(sqlx::query(fetch), line).await
    }

    async fn duplicate_event_ids(
        &mut self,
        each: Each<'_, DuplicateRow>,
    ) -> Result<(), SourceError> {
        let statement = "SELECT uuid_send(event_id), uuid_send(entity_id), version, shard::bigint,
                position, event_type, payload::text, fingerprint
             FROM journal WHERE event_id IN
                (SELECT event_id FROM journal GROUP BY event_id HAVING count(*) > 1)
             ORDER BY event_id, entity_id, version";
        self.each(statement, duplicate, each).await
    }

    async fn repeated_commands(&mut self, each: Each<'_, DuplicateRow>) -> Result<(), SourceError> {
        let statement =
            "SELECT uuid_send(command_id), uuid_send(entity_id), version, shard::bigint,
                position, event_type, payload::text, fingerprint
             FROM journal WHERE command_id IN
                (SELECT command_id FROM journal GROUP BY command_id HAVING count(*) > 1)
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
                "SELECT external_reference, uuid_send(id), version FROM (
                    SELECT *, count(*) OVER (PARTITION BY external_reference) AS holders
                    FROM account WHERE external_reference IS NOT NULL AND NOT closed
                 ) AS held WHERE holders > 1 ORDER BY 1, id"
            }
            Kind::Product => {
                "SELECT external_reference, uuid_send(id), version FROM (
                    SELECT *, count(*) OVER (PARTITION BY external_reference) AS holders
                    FROM product WHERE external_reference IS NOT NULL AND NOT withdrawn
                 ) AS held WHERE holders > 1 ORDER BY 1, id"
            }
            Kind::Order => {
                "SELECT external_reference, uuid_send(id), version FROM (
                    SELECT *, count(*) OVER (PARTITION BY external_reference) AS holders
                    FROM customer_order WHERE external_reference IS NOT NULL
                 ) AS held WHERE holders > 1 ORDER BY 1, id"
            }
        };
        self.each(statement, shared_reference, each).await
    }

    async fn orders_without_account(
        &mut self,
        each: Each<'_, (Vec<u8>, Vec<u8>)>,
    ) -> Result<(), SourceError> {
        let statement = "SELECT uuid_send(id), uuid_send(account_id) FROM customer_order AS o
             WHERE NOT EXISTS (SELECT 1 FROM journal WHERE entity_id = o.account_id
                AND event_type LIKE 'account.%')
             ORDER BY account_id, created_at, id";
        let read = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
        self.each(statement, read, each).await
    }
}

/// A column, converted to one of the types that the check compares.
fn comparable(column: &str) -> String {
    match column {
        "closed" | "withdrawn" => format!("{column}::int::bigint"),
        "account_id" | "creation_key" => format!("uuid_send({column})"),
        "lines" | "metadata" => format!("{column}::text"),
        _ => column.to_owned(),
    }
}

fn event(row: &PgRow) -> Result<EventRow, sqlx::Error> {
    Ok(EventRow {
        key: EventKey {
            entity: row.try_get(0)?,
            version: row.try_get(1)?,
            row: row.try_get(2)?,
        },
        shard: row.try_get(3)?,
        position: row.try_get(4)?,
        event_type: row.try_get(5)?,
        payload: row.try_get::<String, _>(6)?.into_bytes(),
        command: row.try_get(7)?,
        fingerprint: row.try_get(8)?,
    })
}

fn line(row: &PgRow) -> Result<LineRow, sqlx::Error> {
    Ok(LineRow {
        order: row.try_get(0)?,
        product: row.try_get(1)?,
        created_at: row.try_get(2)?,
        row: row.try_get(3)?,
    })
}

fn duplicate(row: &PgRow) -> Result<DuplicateRow, sqlx::Error> {
    Ok(DuplicateRow {
        key: row.try_get(0)?,
        entity: row.try_get(1)?,
        version: row.try_get(2)?,
        shard: row.try_get(3)?,
        position: row.try_get(4)?,
        event_type: row.try_get(5)?,
        payload: row.try_get::<String, _>(6)?.into_bytes(),
        fingerprint: row.try_get(7)?,
    })
}

fn shared_reference(row: &PgRow) -> Result<SharedReferenceRow, sqlx::Error> {
    Ok(SharedReferenceRow {
        reference: row.try_get(0)?,
        id: row.try_get(1)?,
        version: row.try_get(2)?,
    })
}

fn state(row: &PgRow) -> Result<StateRow, sqlx::Error> {
    let columns = (2..row.len()).map(|column| value(row, column));
    Ok(StateRow {
        id: row.try_get(0)?,
        version: row.try_get(1)?,
        columns: columns.collect::<Result<_, _>>()?,
    })
}

fn value(row: &PgRow, column: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(column)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match raw.type_info().name() {
        "INT8" => Value::Int(row.try_get(column)?),
        "BYTEA" => Value::Bytes(row.try_get(column)?),
        _ => Value::Text(row.try_get(column)?),
    })
}

fn failed(failure: &sqlx::Error) -> SourceError {
    let code = failure
        .as_database_error()
        .and_then(|failure| failure.code());
    match code {
        Some(code) if DAMAGED.contains(&code.as_ref()) => SourceError::Damaged(failure.to_string()),
        _ => SourceError::Unavailable(failure.to_string()),
    }
}
