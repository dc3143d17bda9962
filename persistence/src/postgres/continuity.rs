//! Proves on each new connection, and each second, that the database still has what this node has
//! seen in it; begins a new generation when it has not.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fritzy_domain::EventId;
use fritzy_types::{NodeId, ShardId, ShardLease};
use prometheus_client::registry::Registry;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use tokio::sync::watch;
use tracing::{error, info, warn};
use uuid::Uuid;

use super::batch_statement::small;
use super::generations::{Begun, add_lost, begin, columns, generation_id};
use crate::committer::Sequenced;
use crate::continuity::{
    Cause, GenerationId, GenerationMetrics, KnownClaim, KnownClaims, KnownHead, KnownHeads,
    LostRange, Sighting, Verdict, describe_lost, judge, went_backwards,
};
use crate::rows::signed;

/// Everything that proves continuity, in one snapshot. A subquery for each head, so that each is one
/// index lookup: a join could be planned as a scan of the journal. The table of shards is small.
/// A shard without a row proves nothing: it may be about to be restored.
const LOOK: &str = "
    SELECT newest.number, newest.id, (SELECT beat FROM node WHERE node.id = $4) AS beat,
        found.what, found.shard, found.position, found.event_id
    FROM (SELECT number, id FROM generation ORDER BY number DESC LIMIT 1) AS newest
    LEFT JOIN (
        SELECT 'missing' AS what, known.shard, known.position, known.event_id
        FROM unnest($1::int2[], $2::int8[], $3::uuid[]) AS known (shard, position, event_id)
        WHERE known.event_id IS DISTINCT FROM (SELECT event_id FROM journal
            WHERE journal.shard = known.shard AND journal.position = known.position)
        UNION ALL
        SELECT 'undone', claim.shard, NULL, NULL
        FROM unnest($5::int2[], $6::int8[]) AS claim (shard, epoch)
        JOIN shard ON shard.shard = claim.shard AND shard.epoch < claim.epoch
        UNION ALL
        SELECT 'end', last.shard, last.position, last.event_id
        FROM unnest($7::int2[]) AS unread (shard) CROSS JOIN LATERAL (
            SELECT shard, position, event_id FROM journal WHERE journal.shard = unread.shard
            ORDER BY position DESC LIMIT 1
        ) AS last
    ) AS found ON true";

/// Why a connection is not used: the history of its database has changed.
pub(super) const STARTS_OVER: &str =
    "the database went backwards, and began a new generation; this node starts over";

/// What this node knows of its database. All connections to it share this.
#[derive(Clone)]
pub(super) struct Continuity(Arc<Known>);

struct Known {
    heads: KnownHeads,
    claims: KnownClaims,
    line: Mutex<Line>,
    /// Counts how often all connections were given up.
    severed: watch::Sender<Severance>,
    /// Counts how often a new generation was found or begun.
    switched: watch::Sender<u64>,
    metrics: GenerationMetrics,
}

/// The line of history that this node is on.
#[derive(Clone, Copy)]
struct Line {
    generation: GenerationId,
    /// The last acknowledged heartbeat.
    heartbeat: Option<(NodeId, u64)>,
}

/// How often all connections were given up, and when they were last.
#[derive(Clone, Copy)]
struct Severance {
    count: u64,
    at: Instant,
}

impl Continuity {
    pub(super) fn new(generation: GenerationId, lost_events: u64) -> Self {
        let metrics = GenerationMetrics::default();
        metrics.set(generation.number, lost_events);
        Self(Arc::new(Known {
            heads: KnownHeads::default(),
            claims: KnownClaims::default(),
            line: Mutex::new(Line {
                generation,
                heartbeat: None,
            }),
            severed: watch::Sender::new(Severance {
                count: 0,
                at: Instant::now(),
            }),
            switched: watch::Sender::new(0),
            metrics,
        }))
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.0.metrics.register(registry);
    }

    /// The id of the current generation.
    pub(super) fn generation(&self) -> Uuid {
        self.line().generation.id
    }

    /// How often the generation has changed. What began under one count proves nothing under
    /// another.
    pub(super) fn switches(&self) -> u64 {
        *self.0.switched.borrow()
    }

    /// Notes a batch that was written, before it is acknowledged. Returns `false` if the generation
    /// has changed since `switches`: then the batch may be of an earlier one.
    pub(super) fn note_batch(&self, switches: u64, batch: &[Sequenced<'_>]) -> bool {
        self.note(switches, |known| known.heads.note_batch(batch))
    }

    /// Notes events that were read, unless the generation has changed since `switches`.
    pub(super) fn note_read(
        &self,
        switches: u64,
        events: impl IntoIterator<Item = KnownHead>,
    ) -> bool {
        self.note(switches, |known| known.heads.note_read(events))
    }

    /// Notes claims that were committed, before their leases are used, unless the generation has
    /// changed since `switches`: then they are void, and this node starts over.
    pub(super) fn note_claims(&self, switches: u64, leases: &[ShardLease]) {
        self.note(switches, |known| known.claims.note(leases));
    }

    /// Under the lock that a switch holds.
    fn note(&self, switches: u64, note: impl FnOnce(&Known)) -> bool {
        let _line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = self.switches() == switches;
        if is_same {
            note(&self.0);
        }
        is_same
    }

    /// Notes leases that the database has refused. Where no other node can claim shards, and one is
    /// of this node's newest claim, the next look is due at once, and says why.
    pub(super) fn note_refused(&self, leases: impl IntoIterator<Item = ShardLease>) {
        // A switch meanwhile would explain it.
        let _line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.claims.note_refused(leases);
    }

    /// The first lease of a newest claim that the database has refused, once there is one.
    pub(super) fn refused(&self) -> watch::Receiver<Option<ShardLease>> {
        self.0.claims.refused()
    }

    /// Returns when a new generation was found or begun since `count`.
    pub(super) async fn switched_since(&self, count: u64) {
        let mut switched = self.0.switched.subscribe();
        // The sender lives as long as this.
        let _ = switched.wait_for(|now| *now != count).await;
    }

    /// Notes an acknowledged heartbeat of this node. Returns `false` if it is not beyond the last
    /// one: then a counted heartbeat was lost.
    pub(super) fn note_heartbeat(&self, node: NodeId, heartbeat: u64) -> bool {
        let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        let is_behind = |(last, counted)| last == node && heartbeat <= counted;
        if line.heartbeat.is_some_and(is_behind) {
            return false;
        }
        line.heartbeat = Some((node, heartbeat));
        true
    }

    /// Gives up all connections: those that are open are not used again.
    pub(super) fn sever(&self) {
        self.0.severed.send_modify(|severed| {
            severed.count += 1;
            severed.at = Instant::now();
        });
    }

    /// How often all connections were given up, to be remembered with a new connection.
    pub(super) fn severed(&self) -> u64 {
        self.0.severed.borrow().count
    }

    /// When all connections were last given up.
    pub(super) fn severed_at(&self) -> Instant {
        self.0.severed.borrow().at
    }

    /// Returns when the connections of `count` were given up.
    pub(super) async fn severed_since(&self, count: u64) {
        let mut severed = self.0.severed.subscribe();
        let _ = severed.wait_for(|now| now.count != count).await;
    }

    /// Looks whether the database has everything that is known of it. If it went backwards, begins
    /// a new generation. Returns `false` when there is a new one, by this call or by another node:
    /// then everything known is forgotten, and all connections are given up.
    ///
    /// # Errors
    /// When the database does not respond, or refuses a statement.
    pub(super) async fn is_sound(
        &self,
        connection: &mut PgConnection,
    ) -> Result<bool, sqlx::Error> {
        let (line, switches, heads, claims) = self.known();
        let sighting = look(connection, &heads, &claims, line.heartbeat).await?;
        let heartbeat = line.heartbeat.map(|(_, heartbeat)| heartbeat);
        let found = sighting.generation;
        match judge(line.generation, heartbeat, &sighting) {
            Verdict::Sound => {
                // So that a loss is named, although this process has written nothing.
                self.note(switches, |known| {
                    known.heads.note_read(sighting.ends);
                    known.claims.note_read(&claims);
                });
                return Ok(true);
            }
            Verdict::NewGeneration => {
                let lost = add_lost(connection, found, &sighting.missing).await?;
                self.switch(line.generation, found, &lost, false);
            }
            Verdict::Backwards => {
                warn!(
                    generation = found.number,
                    undone_claims = sighting.undone.len(),
                    "the database lacks what this node has seen in it; beginning a new generation"
                );
                let missing = match found == line.generation {
                    true => &sighting.missing,
                    // Everything since that generation may be gone: each head is compared.
                    false => &look(connection, &heads, &[], None).await?.missing,
                };
                match begin(
                    connection,
                    found,
                    line.generation,
                    missing,
                    Cause::WentBackwards,
                )
                .await?
                {
                    Some(Begun { generation, lost }) => {
                        self.switch(line.generation, generation, &lost, true);
                    }
                    // The next look finds what the other node has begun.
                    None => info!("another node has begun a new generation"),
                }
            }
        }
        Ok(false)
    }

    fn line(&self) -> Line {
        *self.0.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The line, how often it has changed, and what is known of it, together.
    fn known(&self) -> (Line, u64, Vec<KnownHead>, Vec<KnownClaim>) {
        let line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        let (heads, claims) = (self.0.heads.all(), self.0.claims.all());
        (*line, self.switches(), heads, claims)
    }

    /// Continues on a new line, unless another look has done so. `began` says whether this node
    /// has begun it.
    fn switch(&self, from: GenerationId, to: GenerationId, lost: &[LostRange], began: bool) {
        {
            let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
            if line.generation != from {
                return;
            }
            *line = Line {
                generation: to,
                heartbeat: None,
            };
            self.0.heads.forget();
            self.0.claims.forget();
            self.0.switched.send_modify(|count| *count += 1);
        }
        let lost_events = lost.iter().map(LostRange::events).sum();
        self.0.metrics.set(to.number, lost_events);
        if lost.is_empty() && !began {
            // By another node, or by an operator who has adopted topics.
            info!(
                generation = to.number,
                "the database has begun a new generation; nothing that this node has seen is lost"
            );
        } else {
            error!(
                generation = to.number,
                lost_events,
                lost = (!lost.is_empty()).then(|| describe_lost(lost)),
                "{}",
                went_backwards(lost)
            );
        }
        self.sever();
    }
}

async fn look(
    connection: &mut PgConnection,
    heads: &[KnownHead],
    claims: &[KnownClaim],
    heartbeat: Option<(NodeId, u64)>,
) -> Result<Sighting, sqlx::Error> {
    let (shards, positions) = columns(heads);
    let events: Vec<Uuid> = heads.iter().map(|head| *head.event.as_uuid()).collect();
    let claimed = claims.iter();
    let (claimed, epochs): (Vec<i16>, Vec<i64>) = claimed
        .map(|claim| (small(claim.shard.0), signed(claim.epoch.0)))
        .unzip();
    let unread = claims.iter().filter(|claim| !claim.is_read);
    let unread: Vec<i16> = unread.map(|claim| small(claim.shard.0)).collect();
    let rows = sqlx::query(LOOK)
        .bind(shards)
        .bind(positions)
        .bind(events)
        .bind(heartbeat.map(|(node, _)| *node.as_uuid()))
        .bind(claimed)
        .bind(epochs)
        .bind(unread)
        .fetch_all(connection)
        .await?;
    let newest = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let heartbeat: Option<i64> = newest.try_get("beat")?;
    let mut sighting = Sighting {
        generation: generation_id(newest)?,
        missing: vec![],
        undone: vec![],
        ends: vec![],
        heartbeat: heartbeat.map(i64::cast_unsigned),
    };
    for row in &rows {
        let Some(what) = row.try_get::<Option<&str>, _>("what")? else {
            continue;
        };
        let shard = ShardId(row.try_get::<i16, _>("shard")?.cast_unsigned());
        if what == "undone" {
            let mut claims = claims.iter().copied();
            let undone = claims.find(|claim| claim.shard == shard);
            sighting.undone.extend(undone);
            continue;
        }
        let head = KnownHead {
            shard,
            position: row.try_get::<i64, _>("position")?.cast_unsigned(),
            event: EventId::from_uuid(row.try_get("event_id")?),
        };
        match what {
            "missing" => sighting.missing.push(head),
            _ => sighting.ends.push(head),
        }
    }
    Ok(sighting)
}
