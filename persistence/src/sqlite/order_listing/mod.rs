//! Adds orders to the tables of orders by product and by total, some time after their commit.
//!
//! Keys of these tables are in random order. To write each with its order would change a page for
//! every key, and each page goes through the log. So keys are kept until a chunk of them is there,
//! and added in their order: a page then takes several. Each batch adds a slice of the chunk in its
//! own transaction, which needs no further sync. The last slice moves `listed_to`: a chunk that a
//! crash has cut short is added again. Lists read orders behind `listed_to` from the journal.

mod chunk;

use std::time::Duration;

use fritzy_domain::State;
use sqlx::{Row as _, SqliteConnection};
use tracing::warn;

use self::chunk::{Chunk, Keys};
use super::error::{WriteError, is_full};
use super::many_rows::ManyRows;
use crate::committer::Sequenced;

/// A chunk, as a share of which an idle writer leaves rows in the journal: to read so few costs a
/// list less than a millisecond, and to add them one by one would cost a sync each.
const IDLE_SHARE: i64 = 8;
/// For how long no command must come before an idle writer adds a slice. Under load, none is due.
const IDLE_WAIT: Duration = Duration::from_millis(20);
/// The same after a failure, such as a full disk.
const FAILED_WAIT: Duration = Duration::from_secs(5);
/// Keys that an idle writer adds at once: some 10 ms, for which a command may have to wait.
const IDLE_KEYS: usize = 1_024;
/// Journal rows that are caught up on at once before the store is used: some 50 MB of log.
const CATCH_UP_ROWS: i64 = 16_384;
/// The same beside a batch, at least.
const CATCH_UP_ROWS_MIN: i64 = 64;

/// What a transaction has added. It takes effect once that is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Listed {
    Nothing,
    /// That many keys of the chunk.
    Keys(usize),
    /// The orders of all journal rows up to this one.
    Rows(i64),
}

/// Which orders are in the tables, as far as commits tell.
pub(super) struct OrderListing {
    /// Journal rows in a chunk.
    chunk_rows: i64,
    lines: ManyRows,
    totals: ManyRows,
    /// The last journal row whose order is listed, if it created one, and those before it are, too.
    listed_to: i64,
    /// The last row of the journal.
    end: i64,
    chunk: Option<Chunk>,
    /// Keys of the journal rows behind the chunk, or else behind `listed_to`. `None` if only the
    /// journal has them.
    gathered: Option<Keys>,
    has_failed: bool,
}

impl OrderListing {
    /// Lists all orders that are behind, of the last release or of a process that was killed. A full
    /// disk does not keep the store from being opened: they are listed later.
    pub(super) async fn open(
        connection: &mut SqliteConnection,
        chunk_rows: u32,
    ) -> Result<Self, sqlx::Error> {
        let mut opened = Self::read(connection, chunk_rows).await?;
        if opened.listed_to > opened.end {
            // The journal was cut elsewhere. Rows that take the place of others must be listed.
            warn!(
                "orders are listed up to a row that the journal does not have; listing them anew"
            );
            move_to(connection, 0).await?;
            opened = Self::read(connection, chunk_rows).await?;
        }
        while opened.gathered.is_none() {
            match opened.add_alone(connection, IDLE_KEYS, CATCH_UP_ROWS).await {
                Ok(()) => {}
                Err(WriteError::Statement(failure) | WriteError::Commit(failure)) => {
                    if !is_full(&failure) {
                        return Err(failure);
                    }
                    warn!(%failure, "orders are not yet in the tables of their lists");
                    break;
                }
                Err(WriteError::Fenced(_) | WriteError::Conflicts(_)) => {
                    unreachable!("it neither appends nor needs a lease")
                }
            }
        }
        Ok(opened)
    }

    /// Reads how far the tables are filled.
    async fn read(connection: &mut SqliteConnection, chunk_rows: u32) -> Result<Self, sqlx::Error> {
        let row = sqlx::query(
            "SELECT coalesce((SELECT listed_to FROM order_listing), 0),
                coalesce((SELECT max(rowid) FROM journal), 0)",
        )
        .fetch_one(&mut *connection)
        .await?;
        let mut found = Self {
            chunk_rows: i64::from(chunk_rows.max(1)),
            // OR IGNORE: a row that is there already, whoever has put it there, must fail no batch.
            lines: ManyRows::new(
                "INSERT OR IGNORE INTO order_line (product_id, created_at, order_id) VALUES",
                "(?, ?, ?)",
                "",
            ),
            totals: ManyRows::new(
                "INSERT OR IGNORE INTO order_total (currency, total_minor, order_id) VALUES",
                "(?, ?, ?)",
                "",
            ),
            listed_to: row.try_get(0)?,
            end: row.try_get(1)?,
            chunk: None,
            gathered: None,
            has_failed: false,
        };
        found.note_caught_up();
        Ok(found)
    }

    /// As after a start on a full disk: only the journal has what is not listed.
    #[cfg(test)]
    pub(super) async fn forget(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        *self = Self::read(connection, self.chunk_rows as u32).await?;
        Ok(())
    }

    /// Adds a slice in the transaction of a batch: so much that a chunk is added by the time the
    /// next one has come together.
    pub(super) async fn add_beside(
        &self,
        connection: &mut SqliteConnection,
        batch: &[Sequenced<'_>],
    ) -> Result<Listed, sqlx::Error> {
        let rows = rows_of(batch);
        match (&self.chunk, &self.gathered) {
            (Some(chunk), _) => {
                let keys = chunk.keys.len().saturating_mul(rows);
                let keys = keys.div_ceil(self.chunk_rows as usize).max(1);
                self.add_keys(connection, chunk, keys).await
            }
            (None, None) => {
                let rows = i64::try_from(rows).unwrap_or(i64::MAX).saturating_mul(2);
                self.catch_up(connection, rows.max(CATCH_UP_ROWS_MIN)).await
            }
            (None, Some(_)) => Ok(Listed::Nothing),
        }
    }

    /// For how long no command must come before [`Self::add_idle`]; `None` if it has nothing to do.
    pub(super) fn idle_wait(&self) -> Option<Duration> {
        let is_behind = self.end - self.listed_to >= (self.chunk_rows / IDLE_SHARE).max(1);
        let wait = if self.has_failed {
            FAILED_WAIT
        } else {
            IDLE_WAIT
        };
        (self.chunk.is_some() || is_behind).then_some(wait)
    }

    /// Whether journal rows are behind, which may have created orders.
    const fn is_behind(&self) -> bool {
        self.listed_to < self.end
    }

    /// Adds a slice while the writer is idle.
    pub(super) async fn add_idle(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), WriteError> {
        let rows = self.chunk_rows;
        self.add_alone(connection, IDLE_KEYS, rows).await
    }

    /// Adds all that is behind, so that a file at rest has complete tables.
    pub(super) async fn add_all(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), WriteError> {
        while self.is_behind() {
            self.add_alone(connection, usize::MAX, CATCH_UP_ROWS)
                .await?;
        }
        Ok(())
    }

    /// Adds up to so many keys of the chunk in a transaction of their own, or the orders of so many
    /// journal rows if only the journal has them.
    async fn add_alone(
        &mut self,
        connection: &mut SqliteConnection,
        keys: usize,
        rows: i64,
    ) -> Result<(), WriteError> {
        self.begin_chunk(1);
        let added = async {
            sqlx::query("BEGIN IMMEDIATE")
                .execute(&mut *connection)
                .await?;
            let listed = match &self.chunk {
                Some(chunk) => self.add_keys(connection, chunk, keys).await?,
                None => self.catch_up(connection, rows).await?,
            };
            let committed = sqlx::query("COMMIT").execute(&mut *connection).await;
            committed.map_err(WriteError::Commit)?;
            Ok(listed)
        };
        let added: Result<Listed, WriteError> = added.await;
        match added {
            Ok(listed) => {
                self.apply(listed);
                Ok(())
            }
            Err(failure) => {
                // Fails if SQLite has rolled back already.
                let _ = sqlx::query("ROLLBACK").execute(connection).await;
                self.has_failed = true;
                Err(failure)
            }
        }
    }

    /// Notes what a committed transaction has listed, and the orders of its batch.
    pub(super) fn note_committed(&mut self, listed: Listed, batch: &[Sequenced<'_>]) {
        self.apply(listed);
        self.end += rows_of(batch) as i64;
        if let Some(gathered) = &mut self.gathered {
            for Sequenced { append, .. } in batch {
                if let (0, State::Order(order)) = (append.expected_version, &append.state) {
                    gathered.take(order);
                }
            }
        }
        self.begin_chunk(self.chunk_rows);
    }

    /// Waits longer before the next slice.
    pub(super) const fn postpone(&mut self) {
        self.has_failed = true;
    }

    fn apply(&mut self, listed: Listed) {
        match listed {
            Listed::Nothing => return,
            Listed::Keys(len) => {
                if let Some(chunk) = &mut self.chunk {
                    chunk.added += len;
                }
                let ended = self.chunk.take_if(|chunk| chunk.added >= chunk.keys.len());
                if let Some(chunk) = ended {
                    self.listed_to = chunk.end;
                }
            }
            Listed::Rows(end) => {
                self.listed_to = end;
                self.note_caught_up();
            }
        }
        self.has_failed = false;
    }

    fn note_caught_up(&mut self) {
        if !self.is_behind() {
            self.gathered = Some(Keys::default());
        }
    }

    /// Begins a chunk of what is gathered, if that is from so many journal rows at least.
    fn begin_chunk(&mut self, rows_min: i64) {
        if self.chunk.is_some() || self.end - self.listed_to < rows_min {
            return;
        }
        if let Some(gathered) = &mut self.gathered {
            let keys = std::mem::take(gathered);
            self.chunk = Some(Chunk::new(keys, self.end));
        }
    }

    async fn add_keys(
        &self,
        connection: &mut SqliteConnection,
        chunk: &Chunk,
        len: usize,
    ) -> Result<Listed, sqlx::Error> {
        let (lines, totals) = chunk.slice(len);
        for (statement, run) in self.lines.cut(lines) {
            let mut query = sqlx::query(statement);
            for (product, created_at, order) in run {
                query = query.bind(*product).bind(*created_at).bind(*order);
            }
            query.execute(&mut *connection).await?;
        }
        for (statement, run) in self.totals.cut(totals) {
            let mut query = sqlx::query(statement);
            for (currency, minor_units, order) in run {
                query = query.bind(*currency).bind(*minor_units).bind(*order);
            }
            query.execute(&mut *connection).await?;
        }
        let added = lines.len() + totals.len();
        if chunk.added + added >= chunk.keys.len() {
            move_to(connection, chunk.end).await?;
        }
        Ok(Listed::Keys(added))
    }

    /// Lists the orders of the next journal rows, which only the journal has.
    async fn catch_up(
        &self,
        connection: &mut SqliteConnection,
        rows: i64,
    ) -> Result<Listed, sqlx::Error> {
        let end = self.listed_to.saturating_add(rows).min(self.end);
        for statement in [CATCH_UP_LINES, CATCH_UP_TOTALS] {
            sqlx::query(statement)
                .bind(self.listed_to)
                .bind(end)
                .execute(&mut *connection)
                .await?;
        }
        move_to(connection, end).await?;
        Ok(Listed::Rows(end))
    }
}

/// Some are there if a crash has cut their chunk short.
const CATCH_UP_LINES: &str = "INSERT OR IGNORE INTO order_line (product_id, created_at, order_id)
    SELECT unhex(line.value ->> 'product_id', '-') AS product_id, o.created_at, o.id
    FROM journal AS j CROSS JOIN customer_order AS o ON o.id = j.entity_id
        CROSS JOIN json_each(o.lines) AS line
    WHERE j.rowid > ? AND j.rowid <= ? AND j.event_type = 'order.created'
    ORDER BY product_id, o.created_at, o.id";

const CATCH_UP_TOTALS: &str = "INSERT OR IGNORE INTO order_total (currency, total_minor, order_id)
    SELECT o.currency, o.total_minor, o.id
    FROM journal AS j CROSS JOIN customer_order AS o ON o.id = j.entity_id
    WHERE j.rowid > ? AND j.rowid <= ? AND j.event_type = 'order.created'
    ORDER BY o.currency, o.total_minor, o.id";

async fn move_to(connection: &mut SqliteConnection, end: i64) -> Result<(), sqlx::Error> {
    let moved = sqlx::query(
        "INSERT INTO order_listing (id, listed_to) VALUES (1, ?)
         ON CONFLICT (id) DO UPDATE SET listed_to = excluded.listed_to",
    );
    moved.bind(end).execute(connection).await.map(drop)
}

/// The journal rows of a batch: one for each event.
fn rows_of(batch: &[Sequenced<'_>]) -> usize {
    let events = batch.iter().map(|sequenced| sequenced.append.events.len());
    events.sum()
}

#[cfg(test)]
mod tests;
