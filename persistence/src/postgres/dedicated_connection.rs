//! A connection for calls that run one after the other and must not wait for anything else. The
//! first call opens it, in its own runtime; any failure closes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fritzy_types::StorageError;
use sqlx::postgres::{PgConnection, PgRow};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

use super::read_pool::Statement;
use super::server::Server;
use crate::rows::read_error;

pub(super) struct DedicatedConnection {
    server: Server,
    /// The `application_name` of the connection.
    name: &'static str,
    /// Time limit of a call: waiting for the call before, connecting, and all its statements.
    call_max: Duration,
    /// The server's own limit for a statement, in milliseconds. It is shorter, so that the server
    /// does not execute later what a caller has given up, unless the cancellation is lost.
    statement_ms_max: &'static str,
    held: Mutex<Option<PgConnection>>,
    closed: AtomicBool,
}

impl DedicatedConnection {
    pub(super) fn new(
        server: Server,
        name: &'static str,
        call_max: Duration,
        statement_ms_max: &'static str,
    ) -> Self {
        Self {
            server,
            name,
            call_max,
            statement_ms_max,
            held: Mutex::default(),
            closed: AtomicBool::default(),
        }
    }

    /// Begins a call, after the one in flight.
    pub(super) async fn call(&self) -> Result<Call<'_>, StorageError> {
        let until = Instant::now() + self.call_max;
        let held = timeout_at(until, self.held.lock()).await;
        let held = held.map_err(|_| timed_out())?;
        Ok(Call {
            dedicated: self,
            held,
            until,
        })
    }

    /// Rejects further calls. Sends nothing to the server: the runtime of the connection may have
    /// ended.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Ok(mut held) = self.held.try_lock() {
            held.take();
        }
    }

    async fn connect(&self) -> Result<PgConnection, StorageError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StorageError::Unavailable("the stores are closed".into()));
        }
        let limit = [("statement_timeout", self.statement_ms_max)];
        let options = self.server.options(self.name).options(limit);
        let opened = self.server.connect(&options).await;
        opened.map_err(|failure| StorageError::Unavailable(failure.to_string()))
    }
}

/// One call, of one or more statements.
pub(super) struct Call<'c> {
    dedicated: &'c DedicatedConnection,
    held: MutexGuard<'c, Option<PgConnection>>,
    until: Instant,
}

impl Call<'_> {
    /// Runs a statement that commits by itself. After a failure its outcome is unknown.
    pub(super) async fn rows(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Vec<PgRow>, StorageError> {
        let dedicated = self.dedicated;
        // Taken out while it is in use: a cancelled call must not leave half a response for the
        // next one.
        let held = self.held.take();
        let usable = !dedicated.server.is_unsafe_now() && !dedicated.closed.load(Ordering::Relaxed);
        let running = async {
            let mut connection = match held.filter(|_| usable) {
                Some(connection) => connection,
                None => dedicated.connect().await?,
            };
            let rows = statement.fetch_all(&mut connection).await;
            rows.map(|rows| (connection, rows)).map_err(read_error)
        };
        let (connection, rows) = timeout_at(self.until, running)
            .await
            .map_err(|_| timed_out())??;
        if !dedicated.closed.load(Ordering::Relaxed) {
            *self.held = Some(connection);
        }
        Ok(rows)
    }
}

fn timed_out() -> StorageError {
    StorageError::Unavailable("the database did not respond in time".into())
}
