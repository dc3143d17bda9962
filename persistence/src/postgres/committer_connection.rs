//! A committer's connection, opened again when it is lost.

use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::continuity::Continuity;
use super::server::{Backend, Server, Session};
use crate::backoff::{self, Backoff};
use crate::committer::{BatchError, StepClock};

/// Lost sessions that are remembered: each may hold locks that the next one waits for.
const ORPHANED_MAX: usize = 16;
/// Limit of one statement that resolves an in-doubt batch: it waits for the statement of that
/// batch, which the server ends after 5 s.
pub(super) const STEP_MAX: Duration = Duration::from_secs(6);
/// Limit of opening a connection, with all that is checked on it.
const RECONNECT_MAX: Duration = Duration::from_secs(14);
/// Before another attempt after a deadlock or a lock timeout: the other transaction needs some
/// milliseconds.
const RETRY_AFTER: Duration = Duration::from_millis(10);

pub(super) struct CommitterConnection {
    server: Server,
    session: Option<Session>,
    /// Lost sessions that may still be running, the oldest first.
    orphaned: Vec<Backend>,
    /// Whether a batch is in doubt. Otherwise only the session that was lost last is remembered.
    in_doubt: bool,
    backoff: Backoff,
    /// The time of the next attempt to connect.
    next_attempt: Instant,
    clock: StepClock,
}

impl CommitterConnection {
    pub(super) fn new(server: Server, session: Session) -> Self {
        Self {
            server,
            session: Some(session),
            orphaned: Vec::new(),
            in_doubt: false,
            backoff: backoff::full_jitter(),
            next_attempt: Instant::now(),
            clock: StepClock::default(),
        }
    }

    /// Says what the committer is doing.
    pub(super) const fn clock(&self) -> &StepClock {
        &self.clock
    }

    /// Connects if there is no connection.
    pub(super) async fn reconnect(&mut self) -> Result<(), BatchError> {
        let severed = self.server.severed();
        let is_given_up = |session: &Session| session.severed != severed;
        if self.server.is_unsafe_now() || self.session.as_ref().is_some_and(is_given_up) {
            // A new connection is refused for as long as the server's settings are unsafe, and is
            // opened to another server if that has taken the address.
            self.disconnect();
        }
        if self.session.is_some() {
            return Ok(());
        }
        let now = Instant::now();
        if now < self.next_attempt {
            return Err(BatchError::Retry {
                reason: "the database is unreachable".into(),
                after: self.next_attempt - now,
            });
        }
        self.clock.begin(RECONNECT_MAX);
        match self.server.committer().await {
            Ok(session) => {
                info!(database = %self.server.name(), "reconnected");
                self.session = Some(session);
                self.backoff = backoff::full_jitter();
                Ok(())
            }
            Err(failure) => {
                let after = backoff::next_delay(&mut self.backoff);
                self.next_attempt = Instant::now() + after;
                let reason = failure.to_string();
                Err(BatchError::Retry { reason, after })
            }
        }
    }

    /// The connection; [`Self::reconnect`] has succeeded before.
    pub(super) fn get(&mut self) -> &mut PgConnection {
        &mut self.session.as_mut().expect("connected").connection
    }

    /// What was seen in the database.
    pub(super) fn continuity(&self) -> &Continuity {
        let continuity = self.server.continuity();
        continuity.expect("a database that is opened to write has one")
    }

    /// Returns when the connection was given up. It does not when there is none.
    pub(super) fn severed(&self) -> impl Future<Output = ()> + Send + use<> {
        let server = self.server.clone();
        let count = self.session.as_ref().map(|session| session.severed);
        async move {
            match count {
                Some(count) => server.severed_since(count).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Drops the connection. The server may still execute what was sent over it.
    pub(super) fn disconnect(&mut self) {
        if let Some(session) = self.session.take() {
            if !self.in_doubt {
                self.orphaned.clear();
            }
            // The first was sent the batch; the others were only waiting for its locks.
            if self.orphaned.len() == ORPHANED_MAX {
                self.orphaned.remove(1);
            }
            self.orphaned.push(session.backend);
        }
    }

    /// Says whether a batch is in doubt.
    pub(super) const fn set_in_doubt(&mut self, in_doubt: bool) {
        self.in_doubt = in_doubt;
    }

    /// Has the server end the processes of lost connections that are still running: of the
    /// connection that was sent the batch, and of those that were lost while they waited for its
    /// shards.
    pub(super) async fn end_orphaned_sessions(&mut self) -> Result<(), BatchError> {
        let orphaned = self.orphaned.iter().cloned();
        let (pids, started): (Vec<i32>, Vec<String>) = orphaned
            .map(|backend| (backend.pid, backend.started))
            .unzip();
        warn!(?pids, "ending the orphaned sessions of lost connections");
        let ending = sqlx::query(
            "SELECT pg_terminate_backend(there.pid) FROM pg_stat_activity AS there
             JOIN unnest($1::int4[], $2::text[]) AS lost (pid, started)
                ON there.pid = lost.pid AND there.backend_start::text = lost.started",
        )
        .bind(pids)
        .bind(started);
        self.clock.begin(STEP_MAX);
        let ended = timeout(STEP_MAX, ending.fetch_all(self.get())).await;
        self.completed(ended).map(drop)
    }

    /// The value of a statement. Disconnects if it failed or took too long.
    pub(super) fn completed<T>(
        &mut self,
        result: Result<Result<T, sqlx::Error>, Elapsed>,
    ) -> Result<T, BatchError> {
        let reason = match result {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => "the database does not respond".into(),
        };
        self.disconnect();
        Err(retry_soon(reason))
    }

    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            // The server notices a closed connection anyway.
            let _ = session.connection.close().await;
        }
    }
}

/// Retried almost at once: connecting has delays of its own.
pub(super) fn retry_soon(reason: String) -> BatchError {
    BatchError::Retry {
        reason,
        after: RETRY_AFTER,
    }
}
