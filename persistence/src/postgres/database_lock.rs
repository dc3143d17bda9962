//! Keeps a database for one node or one cluster, with an advisory lock on a connection of its own.
//! The server releases the lock when that connection ends, however the node ends.
//!
//! A single node locks it exclusively; the nodes of a cluster share it. So neither starts beside
//! the other by mistake. What keeps a deposed node from writing is the fence.

use std::sync::Arc;
use std::time::Duration;

use fritzy_types::ShardLease;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use super::config::Sharing;
use super::connect_error::shared;
use super::continuity::Continuity;
use super::error::PostgresError;
use super::server::Server;
use crate::backoff;
use crate::stores::Lost;

/// The number of the lock in its database: "fritzy" in ASCII.
const LOCK: i64 = 0x6672_6974_7a79;
/// The `application_name` of its connection.
const NAME: &str = "fritzy node";
/// How often the connection is checked. Also how long another node could stay unnoticed.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Time limit of that check.
const RESPONSE_MAX: Duration = Duration::from_secs(3);
/// A server that has not responded for so long may have been replaced: a look at its address tells.
const SUSPECT_AFTER: Duration = Duration::from_millis(700);

type LockConnection = Arc<Mutex<Option<Locked>>>;

/// The connection that holds the lock.
struct Locked {
    connection: PgConnection,
    /// The server it was opened to.
    server: ServerRun,
    /// How often all connections had been given up when it was opened.
    severed: u64,
}

/// One run of a server: which process of which machine. A server that replaces another has another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServerRun(String);

/// The lock, held until it is released or another node takes it.
pub(super) struct DatabaseLock {
    connection: LockConnection,
    watcher: AbortOnDropHandle<()>,
    lost: watch::Receiver<Option<Lost>>,
}

impl DatabaseLock {
    /// Locks the database, and locks it again when the connection was lost.
    pub(super) async fn acquire(server: Server, sharing: Sharing) -> Result<Self, PostgresError> {
        let locked = lock(&server, sharing).await?;
        let connection: LockConnection = Arc::new(Mutex::new(Some(locked)));
        let (report, lost) = watch::channel(None);
        let watcher = tokio::spawn(keep_locked(server, sharing, connection.clone(), report));
        Ok(Self {
            connection,
            watcher: AbortOnDropHandle::new(watcher),
            lost,
        })
    }

    /// Returns when a node that does not share the lock has taken it, with a text that says which;
    /// or when this node, alone, must claim its shards again.
    pub(super) async fn lost(&self) -> Lost {
        let mut lost = self.lost.clone();
        loop {
            if let Some(lost) = lost.borrow_and_update().clone() {
                return lost;
            }
            if lost.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    pub(super) async fn release(&self) {
        self.watcher.abort();
        if let Some(locked) = self.connection.lock().await.take() {
            let _ = locked.connection.close().await;
        }
    }
}

/// Locks the database for as long as the connection is open: no node runs on it then.
pub(super) async fn lock_alone(server: &Server) -> Result<PgConnection, PostgresError> {
    let locked = lock(server, Sharing::Alone).await?;
    Ok(locked.connection)
}

async fn lock(server: &Server, sharing: Sharing) -> Result<Locked, PostgresError> {
    let severed = server.severed();
    let mut connection = server.connect(&server.options(NAME)).await?;
    let locking = sqlx::query(
        "SELECT CASE WHEN $2 THEN pg_try_advisory_lock_shared($1) ELSE pg_try_advisory_lock($1) END, holder, shares
         FROM (VALUES (1)) AS one LEFT JOIN (
            SELECT concat_ws(' ', 'connected from', client_addr, 'since',
                to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS')) AS holder, mode = 'ShareLock' AS shares
            FROM pg_locks JOIN pg_stat_activity USING (pid)
            WHERE locktype = 'advisory' AND granted AND objsubid = 1
                AND (classid::bigint << 32 | objid::bigint) = $1
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1
         ) AS held ON true",
    )
    .bind(LOCK)
    .bind(sharing == Sharing::Cluster)
    .fetch_one(&mut connection);
    let unreachable = |failure: sqlx::Error| PostgresError::Unreachable {
        server: server.name(),
        reason: failure.to_string(),
    };
    let row = locking.await.map_err(unreachable)?;
    let locked: bool = row.try_get(0).map_err(unreachable)?;
    if locked {
        let server = server_run(&mut connection).await.map_err(unreachable)?;
        return Ok(Locked {
            connection,
            server,
            severed,
        });
    }
    let holder: Option<String> = row.try_get(1).map_err(unreachable)?;
    let shares: Option<bool> = row.try_get(2).map_err(unreachable)?;
    let holder = holder.unwrap_or_else(|| "unknown".into());
    let server = server.name();
    Err(match sharing {
        Sharing::Cluster => PostgresError::InUseAlone { server, holder },
        Sharing::Alone if shares == Some(true) => PostgresError::InUseByCluster { server, holder },
        Sharing::Alone => PostgresError::InUse { server, holder },
    })
}

/// Whether the lock is held by a node that does not share it.
const fn is_in_use(failure: &PostgresError) -> bool {
    matches!(
        failure,
        PostgresError::InUse { .. }
            | PostgresError::InUseByCluster { .. }
            | PostgresError::InUseAlone { .. }
    )
}

async fn server_run(connection: &mut PgConnection) -> Result<ServerRun, sqlx::Error> {
    let row = sqlx::query(
        "SELECT concat_ws(' ', pg_postmaster_start_time(), inet_server_addr(), inet_server_port())",
    )
    .fetch_one(connection)
    .await?;
    row.try_get(0).map(ServerRun)
}

/// What a look at the connection has found.
enum Look {
    Alive {
        /// Whether the database has everything that this node has seen in it.
        is_sound: bool,
    },
    Dead,
    /// A pooler gives the session to others, too.
    Shared,
}

/// Looks at the durability of the server, and at what it has lost. `mark` is that of the session.
async fn look(server: &Server, mark: Option<&str>, locked: &mut Locked) -> Look {
    let severed = server.severed();
    if locked.severed != severed {
        // Given up for a new generation, perhaps on the same server: there it still holds the lock.
        if is_replaced(server, &locked.server).await {
            return Look::Dead;
        }
        locked.severed = severed;
    }
    let connection = &mut locked.connection;
    let looking = async {
        let found = server.check_durability(connection).await?;
        if found.as_deref() != mark {
            return Ok(Look::Shared);
        }
        // What follows from a new generation does not concern the lock.
        let is_sound = server.check_history(connection).await?.is_none();
        Ok::<_, sqlx::Error>(Look::Alive { is_sound })
    };
    let looking = timeout(RESPONSE_MAX, looking);
    tokio::pin!(looking);
    let looked = tokio::select! {
        biased;
        looked = &mut looking => looked,
        () = tokio::time::sleep(SUSPECT_AFTER) => {
            if is_replaced(server, &locked.server).await {
                return Look::Dead;
            }
            looking.await
        }
    };
    match looked {
        Ok(Ok(look)) => look,
        Ok(Err(_)) | Err(_) => Look::Dead,
    }
}

/// Whether another server has the address now.
async fn is_replaced(server: &Server, run: &ServerRun) -> bool {
    let Ok(mut probe) = server.connect(&server.options(NAME)).await else {
        return false;
    };
    let found = server_run(&mut probe).await;
    let _ = probe.close().await;
    found.is_ok_and(|found| found != *run)
}

/// Says that another than a node of its own has claimed the shards of a node alone. The lock is
/// held, so no node uses the database: it may claim them again.
fn report_refused(server: &Server, lease: ShardLease) {
    error!(
        server = server.name(),
        shard = %lease.shard,
        epoch = lease.epoch.0,
        "the database refuses what this node writes, although nothing is missing in it: another node that is gone, or \
         something else, has changed the epochs of its shards. This node claims them again"
    );
}

async fn keep_locked(
    server: Server,
    sharing: Sharing,
    connection: LockConnection,
    lost: watch::Sender<Option<Lost>>,
) {
    let session = server.options(NAME);
    let mut delays = backoff::full_jitter();
    // The server of a connection that was lost.
    let mut last: Option<ServerRun> = None;
    let mut refusals = server.continuity().map(Continuity::refused);
    loop {
        let refusal = async {
            match &mut refusals {
                // In a cluster, other nodes claim shards.
                Some(refusals) if sharing == Sharing::Alone => {
                    // The sender lives as long as the server.
                    let _ = refusals.changed().await;
                }
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = tokio::time::sleep(CHECK_INTERVAL) => {}
            () = refusal => {}
        }
        // Of before the look: that explains it, or nothing does.
        let refused = refusals
            .as_mut()
            .and_then(|refusals| *refusals.borrow_and_update());
        let refused = refused.filter(|_| sharing == Sharing::Alone);
        let mut held = connection.lock().await;
        let alive = match held.as_mut() {
            Some(locked) => match look(&server, session.mark(), locked).await {
                Look::Alive { is_sound } => {
                    if let Some(lease) = refused.filter(|_| is_sound) {
                        report_refused(&server, lease);
                        lost.send_replace(Some(Lost::History));
                        return;
                    }
                    true
                }
                Look::Dead => false,
                Look::Shared => {
                    // It may be another session, without the lock.
                    let failure = shared(server.name(), "fritzy.session");
                    lost.send_replace(Some(Lost::Database(failure.to_string())));
                    return;
                }
            },
            None => false,
        };
        if alive {
            delays = backoff::full_jitter();
            continue;
        }
        if let Some(lost) = held.take() {
            last = Some(lost.server);
        }
        match lock(&server, sharing).await {
            Ok(mut locked) => {
                if last.take().is_some_and(|last| last != locked.server) {
                    info!(
                        server = server.name(),
                        "another server has taken over; reconnecting"
                    );
                    server.sever();
                    // This one was opened to the new server.
                    locked.severed = server.severed();
                }
                *held = Some(locked);
            }
            Err(failure) if is_in_use(&failure) => {
                lost.send_replace(Some(Lost::Database(failure.to_string())));
                return;
            }
            // Said already, where it was noticed; the next attempt finds a sound database.
            Err(PostgresError::History { .. }) => {}
            Err(failure) => {
                warn!(%failure, "the database is unreachable");
                drop(held);
                tokio::time::sleep(backoff::next_delay(&mut delays)).await;
            }
        }
    }
}
