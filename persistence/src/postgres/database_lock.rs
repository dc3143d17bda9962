//! One node for one database, or one cluster: an advisory lock, held by a connection of its own. The server gives it
//! free when that connection ends, however the node ends.
//!
//! A node that is alone holds it by itself, the nodes of a cluster share it: so neither starts beside the other by mistake.
//! What keeps a deposed one from writing is the fence.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::warn;

use super::config::{PostgresError, Sharing};
use super::session::Server;
use crate::backoff::Backoff;

/// The lock's number in its database: "fritzy" in ASCII.
const LOCK: i64 = 0x6672_6974_7a79;
/// How often the connection is looked after. Also how long another node could go unnoticed.
const EVERY: Duration = Duration::from_secs(1);
/// An answer to that at most.
const ANSWER_MAX: Duration = Duration::from_secs(3);

type Held = Arc<Mutex<Option<PgConnection>>>;

/// The lock, held until it is released or lost.
pub(super) struct Holding {
    held: Held,
    watching: AbortHandle,
    lost: watch::Receiver<Option<String>>,
}

impl Holding {
    /// Takes the lock, and keeps it across lost connections.
    pub(super) async fn take(server: Server, sharing: Sharing) -> Result<Self, PostgresError> {
        let held: Held = Arc::new(Mutex::new(Some(lock(&server, sharing).await?)));
        let (tell, lost) = watch::channel(None);
        let watching = tokio::spawn(keep(server, sharing, held.clone(), tell)).abort_handle();
        Ok(Self {
            held,
            watching,
            lost,
        })
    }

    /// Returns when another node has taken the lock and shares it not with this one, with what is known of it.
    pub(super) async fn lost(&self) -> String {
        let mut lost = self.lost.clone();
        loop {
            if let Some(holder) = lost.borrow_and_update().clone() {
                return holder;
            }
            if lost.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    pub(super) async fn release(&self) {
        self.watching.abort();
        if let Some(connection) = self.held.lock().await.take() {
            let _ = connection.close().await;
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn lock(server: &Server, sharing: Sharing) -> Result<PgConnection, PostgresError> {
    let mut connection = server.connect(&server.options("fritzy node")).await?;
    let asked = sqlx::query(
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
    let row = asked.await.map_err(unreachable)?;
    let taken: bool = row.try_get(0).map_err(unreachable)?;
    if taken {
        return Ok(connection);
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

async fn keep(server: Server, sharing: Sharing, held: Held, tell: watch::Sender<Option<String>>) {
    let mut backoff = Backoff::default();
    loop {
        tokio::time::sleep(EVERY).await;
        let mut held = held.lock().await;
        let alive = match held.as_mut() {
            Some(connection) => {
                let looked = timeout(ANSWER_MAX, server.look_again(connection)).await;
                matches!(looked, Ok(Ok(())))
            }
            None => false,
        };
        if alive {
            backoff = Backoff::default();
            continue;
        }
        *held = None;
        match lock(&server, sharing).await {
            Ok(connection) => *held = Some(connection),
            Err(failure) if is_in_use(&failure) => {
                tell.send_replace(Some(failure.to_string()));
                return;
            }
            Err(failure) => {
                warn!(%failure, "the database is out of reach");
                drop(held);
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}
