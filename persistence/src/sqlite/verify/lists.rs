//! The rows of the tables of orders, sorted by order once, and the orders that they need not have.

use sqlx::{Row as _, SqliteConnection};

use super::values::{PAGE_ROWS, bytes, int, text};
use crate::verify::{LineRow, ListedTo, TotalRow};

/// The temporary tables of sorted rows.
pub(super) const WALKS: [&str; 3] = [
    "CREATE TEMP TABLE line_walk
        (order_id, product_id, created_at, PRIMARY KEY (order_id, product_id, created_at))
        WITHOUT ROWID",
    "CREATE TEMP TABLE total_walk
        (order_id, currency, total_minor, PRIMARY KEY (order_id, currency, total_minor))
        WITHOUT ROWID",
    "CREATE TEMP TABLE unlisted_walk (order_id PRIMARY KEY) WITHOUT ROWID",
];

/// The next rows by product after `after`.
pub(super) async fn lines(
    connection: &mut SqliteConnection,
    after: Option<&LineRow>,
) -> Result<Vec<LineRow>, sqlx::Error> {
    if after.is_none() {
        sqlx::query(
            "INSERT INTO temp.line_walk SELECT order_id, product_id, created_at
             FROM main.order_line ORDER BY order_id, product_id, created_at",
        )
        .execute(&mut *connection)
        .await?;
    }
    let query = sqlx::query(
        "SELECT order_id, product_id, created_at FROM temp.line_walk
         WHERE (order_id, product_id, created_at) > (?, ?, ?)
         ORDER BY order_id, product_id, created_at LIMIT ?",
    );
    // A text sorts before all blobs.
    let query = match after {
        None => query.bind("").bind("").bind(0_i64),
        Some(row) => query
            .bind(&row.order[..])
            .bind(&row.product[..])
            .bind(row.created_at),
    };
    let rows = query.bind(PAGE_ROWS).fetch_all(connection).await?;
    let line = |row| {
        Ok(LineRow {
            order: bytes(row, 0)?,
            product: bytes(row, 1)?,
            created_at: int(row, 2)?,
            // The key of the table: no two are equal.
            row: 0,
        })
    };
    rows.iter().map(line).collect()
}

/// The next rows by total after `after`.
pub(super) async fn totals(
    connection: &mut SqliteConnection,
    after: Option<&TotalRow>,
) -> Result<Vec<TotalRow>, sqlx::Error> {
    if after.is_none() {
        sqlx::query(
            "INSERT INTO temp.total_walk SELECT order_id, currency, total_minor
             FROM main.order_total ORDER BY order_id, currency, total_minor",
        )
        .execute(&mut *connection)
        .await?;
    }
    let query = sqlx::query(
        "SELECT order_id, currency, total_minor FROM temp.total_walk
         WHERE (order_id, currency, total_minor) > (?, ?, ?)
         ORDER BY order_id, currency, total_minor LIMIT ?",
    );
    let query = match after {
        None => query.bind("").bind("").bind(0_i64),
        Some(row) => query
            .bind(&row.order[..])
            .bind(&row.currency)
            .bind(row.total_minor),
    };
    let rows = query.bind(PAGE_ROWS).fetch_all(connection).await?;
    let total = |row| {
        Ok(TotalRow {
            order: bytes(row, 0)?,
            currency: text(row, 1)?,
            total_minor: int(row, 2)?,
        })
    };
    rows.iter().map(total).collect()
}

/// The next orders after `after` whose creation is behind `listed_to` in the journal.
pub(super) async fn unlisted(
    connection: &mut SqliteConnection,
    after: Option<&[u8]>,
) -> Result<Vec<Vec<u8>>, sqlx::Error> {
    if after.is_none() {
        sqlx::query(
            "INSERT INTO temp.unlisted_walk SELECT DISTINCT entity_id FROM main.journal
             WHERE rowid > coalesce((SELECT listed_to FROM main.order_listing), 0)
                AND event_type = 'order.created' ORDER BY entity_id",
        )
        .execute(&mut *connection)
        .await?;
    }
    let query = sqlx::query(
        "SELECT order_id FROM temp.unlisted_walk WHERE order_id > ? ORDER BY order_id LIMIT ?",
    );
    let query = match after {
        None => query.bind(""),
        Some(order) => query.bind(order),
    };
    let rows = query.bind(PAGE_ROWS).fetch_all(connection).await?;
    rows.iter().map(|row| bytes(row, 0)).collect()
}

/// Up to where the tables are filled.
pub(super) async fn listed_to(connection: &mut SqliteConnection) -> Result<ListedTo, sqlx::Error> {
    let row = sqlx::query(
        "SELECT (SELECT listed_to FROM main.order_listing),
            coalesce((SELECT max(rowid) FROM main.journal), 0)",
    )
    .fetch_one(connection)
    .await?;
    Ok(ListedTo {
        listed_to: row.try_get_unchecked(0)?,
        end: int(&row, 1)?,
    })
}
