//! Reading by a pool of connections, again where that can help: a read changes nothing.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fritzy_domain::{HeapSize, MemoryBudget};
use fritzy_types::StorageError;
use prometheus_client::metrics::counter::Counter;
use sqlx::postgres::{PgArguments, PgPoolOptions, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{Connection, PgPool};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::error;

use super::faults::{Fault, fault};
use super::session::{REPLACED, Server, generation};
use crate::rows::{Unread, keep, read_error};

/// A read waits for a connection at most; requests themselves wait for 10 s.
const ACQUIRE_MAX: Duration = Duration::from_secs(5);
/// A connection that was unused for longer is asked whether it is alive before it is used: the server may
/// have been restarted meanwhile. A busy one finds out by itself.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// Tries of one read. A pool may hold several connections that a restart of the server has cut.
const TRIES_MAX: u32 = 4;
/// A list from a replica at most, waiting for a connection included; then the primary is asked. One that has stopped
/// would be waited for as long as the request lasts.
const REPLICA_MAX: Duration = Duration::from_secs(1);
/// Before a read is tried again: a server that restarts refuses for some tenths of a second.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A statement with its values.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;
/// From a row to what it holds.
pub(super) type Reading<T> = fn(&PgRow) -> Result<T, StorageError>;

/// The reading side of a server.
pub(super) struct Reads {
    /// Where a read is tried first.
    first: PgPool,
    /// Where it is tried again.
    again: PgPool,
    is_replica: bool,
    /// Statements that were run.
    pub(super) count: Counter,
    /// Whether another database was found in the place of the primary's: nothing is read any more.
    replaced: Replaced,
}

type Replaced = Arc<watch::Sender<bool>>;

impl Reads {
    pub(super) fn new(server: &Server, connections_max: u32) -> Self {
        let replaced = Replaced::default();
        let pool = pool(server, connections_max, &replaced);
        Self {
            first: pool.clone(),
            again: pool,
            is_replica: false,
            count: Counter::default(),
            replaced,
        }
    }

    /// Reads from `server`, and where that fails from the one behind `self`.
    pub(super) fn of_replica(&self, server: &Server, connections_max: u32) -> Self {
        Self {
            first: pool(server, connections_max, &self.replaced),
            again: self.again.clone(),
            is_replica: true,
            count: Counter::default(),
            replaced: self.replaced.clone(),
        }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.first
    }

    pub(super) async fn close(&self) {
        self.first.close().await;
    }

    /// Runs a read, again where the connection was lost or the server asks for it.
    pub(super) async fn run<T, F>(&self, read: impl Fn(PgPool) -> F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut tries = 1;
        loop {
            let reading = read(self.pool_of(tries));
            let read = tokio::select! {
                biased;
                () = self.is_replaced() => return Err(StorageError::Unavailable(REPLACED.into())),
                read = reading => read,
            };
            match read {
                Ok(read) => return Ok(read),
                Err(failure) if may_pass(&failure, tries) => {
                    tries += 1;
                    sleep(AGAIN_AFTER).await;
                }
                Err(failure) => return Err(read_error(failure)),
            }
        }
    }

    /// Reads rows, each taking room before the next is fetched; again where that can help, before any came.
    pub(super) async fn list<'q, T: HeapSize>(
        &self,
        statement: impl Fn() -> Statement<'q>,
        read: Reading<T>,
        room: &dyn MemoryBudget,
    ) -> Result<Vec<T>, StorageError> {
        let mut list = Vec::new();
        let mut tries = 1;
        loop {
            let pool = self.pool_of(tries);
            let reading = keep(&mut list, statement().fetch(&pool), read, room);
            let from_replica = tries == 1 && self.is_replica;
            let limit = if from_replica {
                REPLICA_MAX
            } else {
                Duration::MAX
            };
            let kept = tokio::select! {
                biased;
                () = self.is_replaced() => return Err(StorageError::Unavailable(REPLACED.into())),
                kept = timeout(limit, reading) => kept,
            };
            let kept = match kept {
                Ok(kept) => kept,
                Err(_) => Err(Unread::Store(sqlx::Error::PoolTimedOut)),
            };
            match kept {
                Ok(()) => return Ok(list),
                Err(Unread::Store(_)) if from_replica => {
                    tries += 1;
                    list.clear();
                }
                Err(Unread::Store(failure)) if list.is_empty() && may_pass(&failure, tries) => {
                    tries += 1;
                    sleep(AGAIN_AFTER).await;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// Returns once it is: a pool would go on trying for as long as its callers wait.
    async fn is_replaced(&self) {
        let mut replaced = self.replaced.subscribe();
        // It cannot fail: the other end is here.
        let _ = replaced.wait_for(|is_so| *is_so).await;
    }

    fn pool_of(&self, tries: u32) -> PgPool {
        self.count.inc();
        let pool = if tries == 1 { &self.first } else { &self.again };
        pool.clone()
    }
}

fn may_pass(failure: &sqlx::Error, tries: u32) -> bool {
    tries < TRIES_MAX && matches!(fault(failure), Fault::Lost | Fault::Passing)
}

fn pool(server: &Server, connections_max: u32, replaced: &Replaced) -> PgPool {
    let (name, replaced) = (server.name(), replaced.clone());
    let expected = server.generation_wanted();
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_MAX)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let (expected, name, replaced) = (expected.clone(), name.clone(), replaced.clone());
            Box::pin(async move {
                let Some(expected) = expected else {
                    return Ok(());
                };
                if generation(connection).await?.as_ref() == Some(&expected) {
                    return Ok(());
                }
                if !replaced.send_replace(true) {
                    error!(server = name, "{REPLACED}");
                }
                Err(sqlx::Error::Protocol(REPLACED.into()))
            })
        })
        .connect_lazy_with(server.options("fritzy reader"))
}
