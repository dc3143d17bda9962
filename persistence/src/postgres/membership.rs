//! Nodes and shard owners on PostgreSQL.
//!
//! Every change is one statement that commits by itself. It locks rows of `shard` first, in
//! ascending order like batches and claims, then rows of `node`, and the version last. So no two of
//! them deadlock, and versions are counted in the order of commits.

use std::time::Duration;

use async_trait::async_trait;
use fritzy_types::{
    ClusterSnapshot, ClusterState, Epoch, JoinError, Membership, NewNode, NodeId, NodeRecord,
    Roles, ShardId, ShardLease, ShardOwner, StorageError,
};
use sqlx::postgres::PgRow;
use sqlx::{Connection, Row};
use uuid::Uuid;

use super::batch_statement::small;
use super::continuity::{Continuity, STARTS_OVER};
use super::dedicated_connection::{Call, DedicatedConnection};
use super::server::Server;
use crate::rows::{Columns, read_error, signed};

/// Time limit of a heartbeat: two more fit into a lease of 4 s.
const HEARTBEAT_MAX: Duration = Duration::from_secs(2);
/// Time limit of any other call. An acquisition waits for batches in flight, which the server ends.
const CALL_MAX: Duration = Duration::from_secs(3);
/// Attempts to join, when the node with the same name has left again at each look-up.
const JOIN_ATTEMPTS_MAX: u32 = 3;

/// Raises the version if the named part has changed rows. The part is executed completely before
/// the version's row is locked, since the count needs all of its rows.
macro_rules! bumped {
    ($changed:literal) => {
        concat!(
            "bumped AS (UPDATE cluster_version SET version = version + 1 WHERE (SELECT count(*) FROM ",
            $changed,
            ") > 0)"
        )
    };
}

/// Removes nodes that were fenced long ago and own no shard, so that the table does not grow with
/// every restart. Skips the rows that another joining node is removing.
const JOIN: &str = concat!(
    "WITH swept AS (
        DELETE FROM node WHERE id IN (
            SELECT id FROM node WHERE fenced AND fenced_at < now() - interval '10 minutes'
                AND NOT EXISTS (SELECT 1 FROM shard WHERE shard.owner = node.id) FOR UPDATE SKIP LOCKED
        ) RETURNING id
    ), joined AS (
        INSERT INTO node (id, name, address, gateway, entities, projections, program, wire_min, wire_max)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id
    ), changed AS (
        SELECT id FROM swept UNION ALL SELECT id FROM joined
    ), ",
    bumped!("changed"),
    " SELECT count(*) > 0 FROM joined"
);

const HEARTBEAT: &str =
    "UPDATE node SET beat = beat + 1 WHERE id = $1 AND NOT fenced RETURNING beat";

/// Returns a row for each heartbeat counter, or one row without.
const READ_STATE: &str =
    "SELECT version, id, beat FROM cluster_version LEFT JOIN node ON id = ANY($1) AND NOT fenced";

/// When this and a heartbeat run at once, the second waits for the first and reads the row again:
/// either the counter has moved, or the node is fenced.
const FENCE: &str = concat!(
    "WITH done AS (
        UPDATE node SET fenced = true, fenced_at = now() WHERE id = $1 AND beat = $2 AND NOT fenced RETURNING id
    ), ",
    bumped!("done"),
    " SELECT count(*) > 0 FROM done"
);

const IS_GONE: &str = "SELECT NOT EXISTS (SELECT 1 FROM node WHERE id = $1 AND NOT fenced)";

const FENCED_FOR: &str =
    "SELECT id, greatest(0, extract(epoch FROM now() - fenced_at) * 1000)::bigint AS ms
    FROM node WHERE fenced AND fenced_at IS NOT NULL";

const DRAIN: &str = concat!(
    "WITH marked AS (UPDATE node SET draining = $2 WHERE id = $1 AND draining <> $2 RETURNING id), ",
    bumped!("marked"),
    " SELECT count(*) FROM marked"
);

const LEAVE: &str = concat!(
    "WITH deleted AS (DELETE FROM node WHERE id = $1 RETURNING id), ",
    bumped!("deleted"),
    " SELECT count(*) FROM deleted"
);

/// Rows of `shard` are read again once they are locked, but those of `node` only as of the
/// beginning of the statement. That is enough because a node that was fenced or had left by then
/// stays so: its id is never used again. What could have changed meanwhile is the owner of a shard.
/// So the owner is compared, after the wait, with the one that was seen. Asking only whether the
/// owner is gone would not do: a shard could be taken from a node that has just acquired it, which
/// is not among the nodes as of the beginning.
///
/// The epoch is raised from its current value: the owner may have raised it by itself.
const ACQUIRE: &str = concat!(
    "WITH seen AS (
        SELECT shard, owner FROM unnest($2::int2[], $3::uuid[]) AS s (shard, owner)
    ), locked AS (
        SELECT shard.shard FROM shard JOIN seen
            ON shard.shard = seen.shard AND shard.owner IS NOT DISTINCT FROM seen.owner
        WHERE NOT EXISTS (SELECT 1 FROM node WHERE node.id = seen.owner AND NOT fenced)
            AND EXISTS (SELECT 1 FROM node WHERE node.id = $1 AND NOT fenced)
        ORDER BY shard.shard FOR UPDATE OF shard
    ), acquired AS (
        UPDATE shard SET owner = $1, epoch = shard.epoch + 1 FROM locked WHERE shard.shard = locked.shard
        RETURNING shard.shard, shard.epoch
    ), ",
    bumped!("acquired"),
    " SELECT shard, epoch FROM acquired ORDER BY shard"
);

/// A batch that has passed its fence and whose node has stopped holds its shards, and the server
/// waits forever for the rest of the protocol. Committers give a batch up after 6 s, so an older
/// one has no owner any more: its session is ended, and with it the batch is rolled back.
const END_ORPHANED_SESSIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity AS a
    WHERE datname = current_database() AND application_name = 'fritzy committer'
        AND xact_start < now() - interval '6 seconds'
        AND EXISTS (SELECT 1 FROM pg_locks AS l WHERE l.pid = a.pid AND l.relation = 'shard'::regclass)";

const RELEASE: &str = concat!(
    "WITH locked AS (
        SELECT shard FROM shard WHERE shard = ANY($2) AND owner = $1 ORDER BY shard FOR UPDATE
    ), released AS (
        UPDATE shard SET owner = NULL FROM locked WHERE shard.shard = locked.shard RETURNING shard.shard
    ), ",
    bumped!("released"),
    " SELECT count(*) FROM released"
);

/// The tables of nodes and owners, on connections of their own: the read pool may be busy with
/// lists.
pub(super) struct PostgresMembership {
    /// A connection of its own, so that a heartbeat waits for nothing.
    heartbeats: DedicatedConnection,
    others: DedicatedConnection,
    server: Server,
}

impl PostgresMembership {
    pub(super) fn new(server: &Server) -> Self {
        Self {
            heartbeats: DedicatedConnection::new(
                server.clone(),
                "fritzy renewal",
                HEARTBEAT_MAX,
                "1500",
            ),
            others: DedicatedConnection::new(server.clone(), "fritzy membership", CALL_MAX, "2500"),
            server: server.clone(),
        }
    }

    /// Proves on a new connection that the database has what this node has seen in it. A node that
    /// joins must know the generation it joins.
    async fn check_history(&self) -> Result<(), StorageError> {
        let checking = self.server.options("fritzy membership");
        let opened = self.server.connect(&checking).await;
        let connection =
            opened.map_err(|failure| StorageError::Unavailable(failure.to_string()))?;
        let _ = connection.close().await;
        Ok(())
    }

    pub(super) fn close(&self) {
        self.heartbeats.close();
        self.others.close();
    }
}

#[async_trait]
impl Membership for PostgresMembership {
    async fn join(&self, node: &NewNode) -> Result<(), JoinError> {
        self.check_history().await?;
        let mut call = self.others.call().await?;
        for _ in 0..JOIN_ATTEMPTS_MAX {
            let joining = sqlx::query(JOIN)
                .bind(*node.id.as_uuid())
                .bind(&node.name)
                .bind(&node.address)
                .bind(node.roles.gateway)
                .bind(node.roles.entities)
                .bind(node.roles.projections)
                .bind(&node.program)
                .bind(node.wire_min.cast_signed())
                .bind(node.wire_max.cast_signed());
            if is_true(&call.rows(joining).await?)? {
                return Ok(());
            }
            let by_name = sqlx::query("SELECT * FROM node WHERE name = $1 AND NOT fenced");
            let found = call.rows(by_name.bind(&node.name)).await?;
            match found.first().map(node_record).transpose()? {
                // An earlier call of this run, whose result was lost.
                Some(itself) if itself.node.id == node.id => return Ok(()),
                Some(other) => return Err(JoinError::NameTaken(Box::new(other))),
                None => {}
            }
        }
        let reason = format!("the name {} is taken by another node each time", node.name);
        Err(StorageError::Unavailable(reason).into())
    }

    async fn heartbeat(&self, id: NodeId) -> Result<bool, StorageError> {
        let heartbeat = sqlx::query(HEARTBEAT).bind(*id.as_uuid());
        let rows = self.heartbeats.call().await?.rows(heartbeat).await?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        let counted = row.int("beat")?.cast_unsigned();
        let continuity = self.server.continuity();
        if continuity.is_none_or(|known| known.note_heartbeat(id, counted)) {
            return Ok(true);
        }
        // An acknowledged heartbeat is gone: the database went backwards.
        self.check_history().await?;
        Err(StorageError::Unavailable(STARTS_OVER.into()))
    }

    async fn read_state(
        &self,
        known: Option<u64>,
        watched: &[NodeId],
    ) -> Result<ClusterSnapshot, StorageError> {
        let watched: Vec<Uuid> = watched.iter().map(|id| *id.as_uuid()).collect();
        let mut call = self.others.call().await?;
        let rows = call.rows(sqlx::query(READ_STATE).bind(watched)).await?;
        let version = rows.first().ok_or_else(|| {
            StorageError::Unreadable(
                "the table cluster_version does not have exactly one row".into(),
            )
        })?;
        let version = version.int("version")?.cast_unsigned();
        let mut beats = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: Option<Uuid> = row.try_get("id").map_err(read_error)?;
            if let Some(id) = id {
                beats.push((NodeId::from_uuid(id), row.int("beat")?.cast_unsigned()));
            }
        }
        // Read after the version, so that it contains every change counted there.
        let state = if known == Some(version) {
            None
        } else {
            Some(state(&mut call).await?)
        };
        Ok(ClusterSnapshot {
            version,
            state,
            heartbeats: beats,
        })
    }

    async fn fence(&self, id: NodeId, beat: u64) -> Result<bool, StorageError> {
        let mut call = self.others.call().await?;
        let fencing = sqlx::query(FENCE).bind(*id.as_uuid()).bind(signed(beat));
        if is_true(&call.rows(fencing).await?)? {
            return Ok(true);
        }
        // A new statement, since another node may have fenced it while this one waited.
        let is_gone = sqlx::query(IS_GONE).bind(*id.as_uuid());
        is_true(&call.rows(is_gone).await?)
    }

    async fn fenced_for(&self) -> Result<Vec<(NodeId, Duration)>, StorageError> {
        let rows = self
            .others
            .call()
            .await?
            .rows(sqlx::query(FENCED_FOR))
            .await?;
        let age = |row: &PgRow| {
            let ms = row.int("ms")?.cast_unsigned();
            Ok((
                NodeId::from_uuid(row.uuid("id")?),
                Duration::from_millis(ms),
            ))
        };
        rows.iter().map(age).collect()
    }

    async fn set_draining(&self, id: NodeId, draining: bool) -> Result<(), StorageError> {
        let marking = sqlx::query(DRAIN).bind(*id.as_uuid()).bind(draining);
        self.others.call().await?.rows(marking).await.map(drop)
    }

    async fn leave(&self, id: NodeId) -> Result<(), StorageError> {
        let leaving = sqlx::query(LEAVE).bind(*id.as_uuid());
        self.others.call().await?.rows(leaving).await.map(drop)
    }

    async fn acquire(
        &self,
        owner: NodeId,
        shards: &[(ShardId, Option<NodeId>)],
    ) -> Result<Vec<ShardLease>, StorageError> {
        if shards.is_empty() {
            return Ok(vec![]);
        }
        let numbers: Vec<i16> = shards.iter().map(|(shard, _)| small(shard.0)).collect();
        let owners = shards.iter();
        let owners: Vec<Option<Uuid>> = owners
            .map(|(_, owner)| owner.map(|owner| *owner.as_uuid()))
            .collect();
        let continuity = self.server.continuity();
        let switches = continuity.map_or(0, Continuity::switches);
        let acquiring = sqlx::query(ACQUIRE).bind(*owner.as_uuid());
        let acquiring = acquiring.bind(numbers).bind(owners);
        let acquired = self.others.call().await?.rows(acquiring).await;
        if acquired.is_err() {
            // Perhaps it waited for such a session; the next acquisition will not.
            let ending = sqlx::query(END_ORPHANED_SESSIONS);
            self.others.call().await?.rows(ending).await?;
        }
        let rows = acquired?;
        let lease = |row: &PgRow| {
            Ok(ShardLease {
                shard: ShardId(row.shard()?),
                owner,
                epoch: Epoch(row.int("epoch")?.cast_unsigned()),
            })
        };
        let leases: Result<Vec<_>, StorageError> = rows.iter().map(lease).collect();
        if let (Some(known), Ok(leases)) = (continuity, &leases) {
            known.note_claims(switches, leases);
        }
        leases
    }

    async fn release(&self, owner: NodeId, shards: &[ShardId]) -> Result<(), StorageError> {
        if shards.is_empty() {
            return Ok(());
        }
        let numbers: Vec<i16> = shards.iter().map(|shard| small(shard.0)).collect();
        let releasing = sqlx::query(RELEASE).bind(*owner.as_uuid()).bind(numbers);
        self.others.call().await?.rows(releasing).await.map(drop)
    }
}

/// Reads the owners first: each of them had joined by then, and is among the nodes unless it has
/// left.
async fn state(call: &mut Call<'_>) -> Result<ClusterState, StorageError> {
    let shards = sqlx::query("SELECT shard, owner, epoch FROM shard ORDER BY shard");
    let shards = call.rows(shards).await?;
    let nodes = call
        .rows(sqlx::query("SELECT * FROM node ORDER BY id"))
        .await?;
    Ok(ClusterState {
        nodes: nodes.iter().map(node_record).collect::<Result<_, _>>()?,
        shards: shards.iter().map(shard_owner).collect::<Result<_, _>>()?,
    })
}

/// The only value of the only row.
fn is_true(rows: &[PgRow]) -> Result<bool, StorageError> {
    let row = rows.first();
    let row = row.ok_or_else(|| StorageError::Unreadable("a result without a row".into()))?;
    row.try_get(0).map_err(read_error)
}

fn shard_owner(row: &PgRow) -> Result<ShardOwner, StorageError> {
    let owner: Option<Uuid> = row.try_get("owner").map_err(read_error)?;
    Ok(ShardOwner {
        shard: ShardId(row.shard()?),
        owner: owner.map(NodeId::from_uuid),
        epoch: Epoch(row.int("epoch")?.cast_unsigned()),
    })
}

fn node_record(row: &PgRow) -> Result<NodeRecord, StorageError> {
    let wire = |column: &str| {
        let version: i16 = row.try_get(column).map_err(read_error)?;
        Ok::<_, StorageError>(version.cast_unsigned())
    };
    Ok(NodeRecord {
        node: NewNode {
            id: NodeId::from_uuid(row.uuid("id")?),
            name: row.text("name")?,
            address: row.text_or_null("address")?,
            roles: Roles {
                gateway: row.flag("gateway")?,
                entities: row.flag("entities")?,
                projections: row.flag("projections")?,
            },
            program: row.text("program")?,
            wire_min: wire("wire_min")?,
            wire_max: wire("wire_max")?,
        },
        heartbeat: row.int("beat")?.cast_unsigned(),
        fenced: row.flag("fenced")?,
        draining: row.flag("draining")?,
    })
}
