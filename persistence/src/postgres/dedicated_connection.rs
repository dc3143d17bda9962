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
    held: Mutex<Option<Held>>,
    closed: AtomicBool,
}

/// An open connection.
struct Held {
    connection: PgConnection,
    /// How often all connections had been given up when it was opened.
    severed: u64,
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

    async fn connect(&self) -> Result<Held, StorageError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StorageError::Unavailable("the stores are closed".into()));
        }
        let limit = [("statement_timeout", self.statement_ms_max)];
        let options = self.server.options(self.name).options(limit);
        let severed = self.server.severed();
        let opened = self.server.connect(&options).await;
        let connection =
            opened.map_err(|failure| StorageError::Unavailable(failure.to_string()))?;
        Ok(Held {
            connection,
            severed,
        })
    }
}

/// One call, of one or more statements.
pub(super) struct Call<'c> {
    dedicated: &'c DedicatedConnection,
    held: MutexGuard<'c, Option<Held>>,
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
        let server = &dedicated.server;
        let severed = server.severed();
        let usable = !server.is_unsafe_now() && !dedicated.closed.load(Ordering::Relaxed);
        let running = async {
            let mut held = match held.filter(|held| usable && held.severed == severed) {
                Some(held) => held,
                None => dedicated.connect().await?,
            };
            let rows = statement.fetch_all(&mut held.connection).await;
            rows.map(|rows| (held, rows)).map_err(read_error)
        };
        let (held, rows) = tokio::select! {
            biased;
            ran = timeout_at(self.until, running) => ran.map_err(|_| timed_out())??,
            // Its server may never respond; another one has the address.
            () = server.severed_since(severed) => return Err(timed_out()),
        };
        if !dedicated.closed.load(Ordering::Relaxed) {
            *self.held = Some(held);
        }
        Ok(rows)
    }
}

fn timed_out() -> StorageError {
    StorageError::Unavailable("the database did not respond in time".into())
}
