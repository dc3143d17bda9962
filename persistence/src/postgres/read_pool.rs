//! A pool of connections for reading. Reads change nothing, so they are retried where that can
//! help.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fritzy_domain::{HeapSize, MemoryBudget};
use fritzy_types::StorageError;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use sqlx::postgres::{PgArguments, PgPoolOptions, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{Connection, PgPool};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::error;

use super::error_class::{ErrorClass, classify};
use super::hosts::Hosts;
use super::server::{REPLACED, Server};
use crate::rows::{CollectError, collect_rows, read_error};

/// The `application_name` of these connections, also in earlier releases.
pub(super) const READER: &str = "fritzy reader";
/// How long a read waits for a connection; requests themselves wait for 10 s.
const ACQUIRE_MAX: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is pinged before it is used: the server may have been
/// restarted meanwhile. A busy one notices by itself.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// Attempts of one read. A pool may hold several connections that a restart of the server has cut.
const ATTEMPTS_MAX: u32 = 4;
/// Time limit of a list from a replica, waiting for a connection included; then the primary is
/// read. A stopped replica would otherwise delay the list until the request's deadline.
const REPLICA_MAX: Duration = Duration::from_secs(1);
/// Delay before a retry: a restarting server refuses connections for some tenths of a second.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// A statement with its values.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;
pub(super) type ReadRow<T> = fn(&PgRow) -> Result<T, StorageError>;

/// The connections for reading from a server. Clones share them.
#[derive(Clone)]
pub(super) struct ReadPool {
    /// Where a read is attempted first.
    first: PgPool,
    /// Where it is retried.
    retry: PgPool,
    is_replica: bool,
    statements: Counter,
    /// Cancelled when another database was found at the primary's address: every read fails from
    /// then on.
    replaced: CancellationToken,
    /// The primary.
    server: Server,
    /// Ends with the last clone.
    _follower: Option<Arc<AbortOnDropHandle<()>>>,
}

/// The task of [`follow_found`]; none for a single server.
fn follower(server: &Server, pool: PgPool) -> Option<Arc<AbortOnDropHandle<()>>> {
    let hosts = server.hosts().clone();
    (hosts.servers().len() > 1).then(|| {
        let task = tokio::spawn(follow_found(hosts, pool));
        Arc::new(AbortOnDropHandle::new(task))
    })
}

impl ReadPool {
    pub(super) fn new(server: &Server, connections_max: u32) -> Self {
        let replaced = CancellationToken::new();
        let pool = pool(server, connections_max, &replaced);
        Self {
            first: pool.clone(),
            retry: pool.clone(),
            is_replica: false,
            statements: Counter::default(),
            replaced,
            _follower: follower(server, pool),
            server: server.clone(),
        }
    }

    /// A pool on `server`; failed reads are retried on the primary.
    pub(super) fn of_replica(&self, server: &Server, connections_max: u32) -> Self {
        let pool = pool(server, connections_max, &self.replaced);
        Self {
            first: pool.clone(),
            retry: self.retry.clone(),
            is_replica: true,
            statements: Counter::default(),
            replaced: self.replaced.clone(),
            _follower: follower(server, pool),
            server: self.server.clone(),
        }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.first
    }

    /// Adds the count of statements under `name`.
    pub(super) fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.statements.clone());
    }

    pub(super) async fn close(&self) {
        self.first.close().await;
    }

    /// Runs a read. Retries it when the connection was lost or the error is transient.
    pub(super) async fn run<T, F>(&self, read: impl Fn(PgPool) -> F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, sqlx::Error>>,
    {
        let mut attempt = 1;
        loop {
            let severed = self.server.severed();
            let reading = read(self.pool_for(attempt));
            let read = tokio::select! {
                biased;
                () = self.replaced.cancelled() => return Err(StorageError::Unavailable(REPLACED.into())),
                read = reading => read,
                // Its server may never respond; another one has the address.
                () = self.server.severed_since(severed) => Err(sqlx::Error::WorkerCrashed),
            };
            match read {
                Ok(read) => return Ok(read),
                Err(failure) if may_retry(&failure, attempt) => {
                    attempt += 1;
                    sleep(RETRY_AFTER).await;
                }
                Err(failure) => return Err(read_error(failure)),
            }
        }
    }

    /// Reads rows, each within the budget before the next is fetched. Retries as [`run`](Self::run)
    /// does, as long as no row was received.
    pub(super) async fn list<'q, T: HeapSize>(
        &self,
        statement: impl Fn() -> Statement<'q>,
        read: ReadRow<T>,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<T>, StorageError> {
        let mut list = Vec::new();
        let mut attempt = 1;
        loop {
            let pool = self.pool_for(attempt);
            let reading = collect_rows(&mut list, statement().fetch(&pool), read, budget);
            let from_replica = attempt == 1 && self.is_replica;
            let limit = if from_replica {
                REPLICA_MAX
            } else {
                Duration::MAX
            };
            let severed = self.server.severed();
            let collected = tokio::select! {
                biased;
                () = self.replaced.cancelled() => return Err(StorageError::Unavailable(REPLACED.into())),
                collected = timeout(limit, reading) => collected,
                () = self.server.severed_since(severed) => {
                    Ok(Err(CollectError::Store(sqlx::Error::WorkerCrashed)))
                }
            };
            let collected = match collected {
                Ok(collected) => collected,
                Err(_) => Err(CollectError::Store(sqlx::Error::PoolTimedOut)),
            };
            match collected {
                Ok(()) => return Ok(list),
                Err(CollectError::Store(_)) if from_replica => {
                    attempt += 1;
                    list.clear();
                }
                Err(CollectError::Store(failure))
                    if list.is_empty() && may_retry(&failure, attempt) =>
                {
                    attempt += 1;
                    sleep(RETRY_AFTER).await;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    fn pool_for(&self, attempt: u32) -> PgPool {
        self.statements.inc();
        let pool = if attempt == 1 {
            &self.first
        } else {
            &self.retry
        };
        pool.clone()
    }
}

fn may_retry(failure: &sqlx::Error, attempt: u32) -> bool {
    attempt < ATTEMPTS_MAX
        && matches!(
            classify(failure),
            ErrorClass::ConnectionLost | ErrorClass::Transient
        )
}

fn pool(server: &Server, connections_max: u32, replaced: &CancellationToken) -> PgPool {
    let (checked, replaced) = (server.clone(), replaced.clone());
    let opened_on = server.clone();
    let hosts = server.hosts().clone();
    // Statements are estimated by the rows that they may read at most, and read few: compiling one
    // would take longer than running it.
    let session = Arc::new(server.options(READER).with("jit", "off"));
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_MAX)
        .test_before_acquire(false)
        .before_acquire(move |connection, about| {
            let continuity = opened_on.continuity();
            let is_given_up =
                continuity.is_some_and(|known| about.age > known.severed_at().elapsed());
            Box::pin(async move {
                if is_given_up {
                    return Ok(false);
                }
                if about.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let (server, replaced) = (checked.clone(), replaced.clone());
            let session = session.clone();
            Box::pin(async move {
                if let Some(reason) = server.hosts().unfit(connection).await? {
                    return Err(sqlx::Error::Protocol(reason.into()));
                }
                session.apply(connection).await?;
                let Some(reason) = server.check_history(connection).await? else {
                    return Ok(());
                };
                if reason == REPLACED && !replaced.is_cancelled() {
                    replaced.cancel();
                    error!(server = server.name(), "{REPLACED}");
                }
                Err(sqlx::Error::Protocol(reason.into()))
            })
        })
        .connect_lazy_with(hosts.found().clone().application_name(READER))
}

/// Has `pool` connect to the server that the other connections have found. These reconnect within a
/// second of a failure: the one that holds the lock polls its server.
async fn follow_found(hosts: Arc<Hosts>, pool: PgPool) {
    let mut found = hosts.watch();
    loop {
        pool.set_connect_options(hosts.found().clone().application_name(READER));
        if found.changed().await.is_err() {
            return;
        }
    }
}
