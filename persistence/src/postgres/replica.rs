//! Lists from a streaming replica that is fresh enough.
//!
//! The primary's log tells how far the replica lags: both are polled, the primary for its log
//! position and the replica for the position it has replayed. A replica is as fresh as the newest
//! mark that it has replayed: the time at which the primary was polled for that position. No clock
//! of another machine counts, and a replica that is cut off from its primary ages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fritzy_domain::{Consistency, ConsistencyToken, ReadModel, ReadReplicas};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use sqlx::{PgPool, Row};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::config::PostgresConfig;
use super::continuity::Continuity;
use super::hosts::Hosts;
use super::read_model::PostgresReadModel;
use super::read_pool::ReadPool;
use super::server::Server;

/// Time between two polls. A list without a token can be this much older than its limit says.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Time limit of a response; a slower server counts as unreachable.
const RESPONSE_MAX: Duration = Duration::from_secs(1);
/// Marks that are kept: those of a minute, beyond any sensible limit of lag.
const MARKS_MAX: usize = 120;
/// Requests for tokens in the queue; each waits for one small statement.
const TOKENS_MAX: usize = 4_096;
/// The position of a token that only the primary satisfies.
const PRIMARY_ONLY: u64 = u64::MAX;

/// The state rows of the primary and, if there is one, of its replica.
pub(super) struct PostgresReplicas {
    primary: Arc<PostgresReadModel>,
    replica: Option<Replica>,
}

struct Replica {
    reads: ReadPool,
    read_model: Arc<PostgresReadModel>,
    /// Identifies this database in tokens.
    database: u32,
    lag_max: Duration,
    progress: Arc<Mutex<Progress>>,
    tokens: mpsc::Sender<oneshot::Sender<u64>>,
    source: Source,
    lag: Gauge<f64, std::sync::atomic::AtomicU64>,
    watcher: AbortOnDropHandle<()>,
}

/// The database that a replica must be of.
#[derive(Clone)]
struct Source {
    database: String,
    continuity: Continuity,
}

/// How far the replica has replayed the primary's log, as far as is known.
#[derive(Debug, Default)]
struct Progress {
    /// The times at which the primary was polled, with its positions, the oldest first.
    marks: VecDeque<(Instant, u64)>,
    replayed: u64,
    /// The replica has everything that was committed before this time. `None` when it cannot be
    /// used.
    fresh_as_of: Option<Instant>,
}

impl Progress {
    fn mark(&mut self, at: Instant, position: u64) {
        self.marks.push_back((at, position));
        if self.marks.len() > MARKS_MAX {
            self.marks.pop_front();
        }
    }

    fn replayed(&mut self, position: u64) {
        self.replayed = position;
        while let Some((at, mark)) = self.marks.front().copied()
            && mark <= position
        {
            self.fresh_as_of = Some(at);
            self.marks.pop_front();
        }
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn lag(&self, now: Instant) -> Option<Duration> {
        let as_of = self.fresh_as_of?;
        Some(now.saturating_duration_since(as_of))
    }
}

impl PostgresReplicas {
    pub(super) fn start(
        server: &Server,
        primary: &ReadPool,
        replica: Option<Server>,
        config: &PostgresConfig,
    ) -> Arc<Self> {
        let replica = replica.map(|at| {
            let reads = primary.of_replica(&at, config.readers);
            let progress = Arc::new(Mutex::new(Progress::default()));
            let (tokens, requests) = mpsc::channel(TOKENS_MAX);
            tokio::spawn(serve_tokens(primary.pool().clone(), requests));
            let continuity = server
                .continuity()
                .expect("the primary was opened to write");
            let source = Source {
                database: server.database().to_owned(),
                continuity: continuity.clone(),
            };
            let watcher = tokio::spawn(watch(
                at.hosts().clone(),
                primary.pool().clone(),
                reads.pool().clone(),
                source.clone(),
                progress.clone(),
            ));
            Replica {
                read_model: Arc::new(PostgresReadModel::new(reads.clone(), config.shards)),
                reads,
                database: token_id(&source.database),
                lag_max: config.replica_lag_max,
                progress,
                tokens,
                source,
                lag: Gauge::default(),
                watcher: AbortOnDropHandle::new(watcher),
            }
        });
        let primary = Arc::new(PostgresReadModel::new(primary.clone(), config.shards));
        Arc::new(Self { primary, replica })
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        if let Some(replica) = &self.replica {
            let help = "Statements run to read lists from the replica, attempts included";
            let name = "replica_read_statements";
            replica.reads.register(registry, name, help);
            let help = "Upper bound of the age of lists from the replica, at the last read";
            let lag = replica.lag.clone();
            registry.register_with_unit("replica_lag", help, Unit::Seconds, lag);
        }
    }

    pub(super) async fn close(&self) {
        if let Some(replica) = &self.replica {
            replica.watcher.abort();
            replica.reads.close().await;
        }
    }
}

impl Replica {
    fn has(&self, position: u64) -> bool {
        let progress = self.progress.lock().expect("no holder panics");
        progress.fresh_as_of.is_some() && progress.replayed >= position
    }

    /// Whether it has replayed the log up to a token's position. Queries the replica if that is not
    /// known yet.
    async fn satisfies(&self, token: ConsistencyToken) -> bool {
        if token.database != self.database || token.position == PRIMARY_ONLY {
            return false;
        }
        if self.has(token.position) {
            return true;
        }
        match timeout(RESPONSE_MAX, replayed(self.reads.pool(), &self.source)).await {
            Ok(Ok(Some(position))) => {
                let mut progress = self.progress.lock().expect("no holder panics");
                progress.replayed(position);
                position >= token.position
            }
            _ => false,
        }
    }

    fn is_within_lag(&self) -> bool {
        let progress = self.progress.lock().expect("no holder panics");
        let lag = progress.lag(Instant::now());
        self.lag.set(lag.map_or(f64::NAN, |lag| lag.as_secs_f64()));
        lag.is_some_and(|lag| lag <= self.lag_max)
    }
}

#[async_trait]
impl ReadReplicas for PostgresReplicas {
    async fn token(&self) -> Option<ConsistencyToken> {
        let replica = self.replica.as_ref()?;
        let (reply, position) = oneshot::channel();
        let position = match replica.tokens.try_send(reply) {
            Ok(()) => position.await.unwrap_or(PRIMARY_ONLY),
            Err(_) => PRIMARY_ONLY,
        };
        Some(ConsistencyToken {
            database: replica.database,
            position,
        })
    }

    async fn read_model(&self, consistency: Consistency) -> Arc<dyn ReadModel> {
        if let Some(replica) = &self.replica {
            let fresh = match consistency {
                Consistency::Strong => false,
                Consistency::BoundedStaleness => replica.is_within_lag(),
                Consistency::AtLeast(token) => replica.satisfies(token).await,
            };
            if fresh {
                return replica.read_model.clone();
            }
        }
        self.primary.clone()
    }
}

/// Queries the primary's position, once for all waiting requests: their commits were acknowledged
/// before.
async fn serve_tokens(primary: PgPool, mut requests: mpsc::Receiver<oneshot::Sender<u64>>) {
    let mut waiting = Vec::new();
    while requests.recv_many(&mut waiting, TOKENS_MAX).await > 0 {
        let position = match timeout(RESPONSE_MAX, position(&primary)).await {
            Ok(Ok(position)) => position,
            // Unknown, but the primary has it in any case.
            _ => PRIMARY_ONLY,
        };
        for reply in waiting.drain(..) {
            // A cancelled request needs no token.
            let _ = reply.send(position);
        }
    }
}

async fn watch(
    hosts: Arc<Hosts>,
    primary: PgPool,
    replica: PgPool,
    source: Source,
    progress: Arc<Mutex<Progress>>,
) {
    let name = hosts.name();
    let mut was_usable = None;
    loop {
        let at = Instant::now();
        let mark = timeout(RESPONSE_MAX, position(&primary)).await;
        let found = timeout(RESPONSE_MAX, replayed(&replica, &source)).await;
        let usable = matches!(found, Ok(Ok(Some(_))));
        {
            let mut progress = progress.lock().expect("no holder panics");
            if let Ok(Ok(position)) = mark {
                progress.mark(at, position);
            }
            match found {
                Ok(Ok(Some(position))) => progress.replayed(position),
                _ => progress.reset(),
            }
        }
        if was_usable.replace(usable) != Some(usable) {
            if usable {
                info!(replica = %name, "lists may be read from the replica");
            } else {
                warn!(replica = %name, "the replica does not respond, or is not of this database; lists are read from the primary");
            }
        }
        if !usable {
            hosts.find_standby(RESPONSE_MAX).await;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// The position up to which the primary's log is synced. It covers everything acknowledged before
/// the query. (The insert position may be after a page header, which replay does not reach until
/// more is written.)
async fn position(primary: &PgPool) -> Result<u64, sqlx::Error> {
    let row = sqlx::query("SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint")
        .fetch_one(primary)
        .await?;
    row.try_get::<i64, _>(0).map(i64::cast_unsigned)
}

/// The position that the replica has replayed; `None` when it is no replica of this database in its
/// current generation, or no longer one.
async fn replayed(replica: &PgPool, source: &Source) -> Result<Option<u64>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT CASE WHEN pg_is_in_recovery() AND (SELECT value FROM meta WHERE name = 'generation') = $1
                AND (SELECT id FROM generation ORDER BY number DESC LIMIT 1) = $2
            THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint END",
    )
    .bind(&source.database)
    .bind(source.continuity.generation())
    .fetch_one(replica)
    .await?;
    let position: Option<i64> = row.try_get(0)?;
    Ok(position.map(i64::cast_unsigned))
}

/// The first eight hexadecimal digits of a database's id, which is a random UUID.
fn token_id(database: &str) -> u32 {
    database
        .get(..8)
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replica_is_as_fresh_as_the_newest_replayed_mark() {
        let start = Instant::now();
        let at = |second: u64| start + Duration::from_secs(second);
        let mut progress = Progress::default();
        assert_eq!(progress.lag(at(0)), None, "nothing is known");
        progress.mark(at(0), 100);
        progress.mark(at(1), 200);
        progress.replayed(150);
        assert_eq!(progress.lag(at(1)), Some(Duration::from_secs(1)));
        // The replica stands still while the primary continues: it ages.
        progress.mark(at(2), 300);
        progress.replayed(150);
        assert_eq!(progress.lag(at(9)), Some(Duration::from_secs(9)));
        // The primary stands still as well: the last poll counts.
        progress.mark(at(10), 300);
        progress.replayed(300);
        assert_eq!(progress.lag(at(10)), Some(Duration::ZERO));
        progress.reset();
        assert_eq!(progress.lag(at(10)), None);
    }

    #[test]
    fn number_of_marks_is_bounded() {
        let mut progress = Progress::default();
        for number in 0..1_000 {
            progress.mark(Instant::now(), 1_000 + number);
        }
        assert_eq!(progress.marks.len(), MARKS_MAX);
    }
}
