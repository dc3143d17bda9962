//! Looks each second whether the file is still the one that was opened, and has what this node has
//! seen in it; begins a new generation when it has not.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fritzy_domain::{EventId, Position};
use fritzy_types::{ShardId, ShardLease};
use prometheus_client::registry::Registry;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use super::damage::Damage;
use super::generations::{LookStatements, begin, look};
use crate::committer::Sequenced;
use crate::continuity::{
    Cause, GenerationId, GenerationMetrics, KnownClaims, KnownHeads, LostRange, Verdict,
    describe_lost, judge, went_backwards,
};
use crate::stores::Lost;

/// Between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Which file of which device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity(u64, u64);

impl FileIdentity {
    fn of(file: &Path) -> io::Result<Self> {
        let found = fs::metadata(file)?;
        Ok(Self(found.dev(), found.ino()))
    }
}

/// The log beside a file.
pub(super) fn log_of(file: &Path) -> PathBuf {
    beside(file, "-wal")
}

/// The index of the log.
fn index_of(file: &Path) -> PathBuf {
    beside(file, "-shm")
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// What this node knows of its file. Clones share it.
#[derive(Clone)]
pub(super) struct SqliteContinuity(Arc<Known>);

struct Known {
    file: PathBuf,
    identity: FileIdentity,
    /// Of the log beside the file, once it was seen.
    log: Mutex<Option<FileIdentity>>,
    generation: GenerationId,
    heads: KnownHeads,
    claims: KnownClaims,
    damage: Damage,
    lost: watch::Sender<Option<Lost>>,
    metrics: GenerationMetrics,
}

/// What a look has found.
enum Found {
    /// All that is known of it.
    Known,
    /// No file. The check of the locked files names it.
    Nothing,
    /// A history that this node does not know.
    OtherHistory,
}

/// The looks, until this is closed or dropped.
pub(super) struct ContinuityWatch {
    stop: CancellationToken,
    looking: AbortOnDropHandle<()>,
}

impl ContinuityWatch {
    /// Ends the looks, and closes their connection: the last one to be closed moves the log into
    /// the file, and must be the committer's.
    pub(super) async fn close(self) {
        self.stop.cancel();
        // An error is a panic, which has closed the connection, too.
        let _ = self.looking.await;
    }
}

impl SqliteContinuity {
    /// # Errors
    /// When the file is not there.
    pub(super) fn new(file: &Path, generation: GenerationId, lost_events: u64) -> io::Result<Self> {
        let metrics = GenerationMetrics::default();
        metrics.set(generation.number, lost_events);
        Ok(Self(Arc::new(Known {
            file: file.to_owned(),
            identity: FileIdentity::of(file)?,
            log: Mutex::new(FileIdentity::of(&log_of(file)).ok()),
            generation,
            heads: KnownHeads::default(),
            claims: KnownClaims::default(),
            damage: Damage::new(file),
            lost: watch::Sender::new(None),
            metrics,
        })))
    }

    /// Whether the file was found damaged.
    pub(super) fn damage(&self) -> &Damage {
        &self.0.damage
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.0.metrics.register(registry);
    }

    /// Why nothing may be written any more, or what was just written may not be acknowledged;
    /// `None` if it may. Asks for the file's identity, which the system has in memory.
    pub(super) fn objection(&self) -> Option<String> {
        if let Some(reason) = self.0.damage.objection() {
            return Some(reason);
        }
        if self.0.lost.borrow().is_some() {
            return Some(format!(
                "the database {} has another history now; this node starts over",
                self.0.file.display()
            ));
        }
        match FileIdentity::of(&self.0.file) {
            Ok(found) if found == self.0.identity => None,
            Ok(_) => Some(format!(
                "the database {} was replaced",
                self.0.file.display()
            )),
            Err(failure) => Some(format!("the database {}: {failure}", self.0.file.display())),
        }
    }

    /// Notes a batch that was written, before it is acknowledged.
    pub(super) fn note_batch(&self, batch: &[Sequenced<'_>]) {
        self.0.heads.note_batch(batch);
    }

    /// Notes an event that was read.
    pub(super) fn note(&self, shard: ShardId, position: Position, event: EventId) {
        self.0.heads.note(shard, position, event);
    }

    /// Notes claims that were committed, before their leases are used.
    pub(super) fn note_claims(&self, leases: &[ShardLease]) {
        self.0.claims.note(leases);
    }

    /// Notes leases that the file has refused. Nobody else can claim shards here: if one is of this
    /// node's newest claim, the next look is due at once, and says why.
    pub(super) fn note_refused(&self, leases: &[ShardLease]) {
        self.0.claims.note_refused(leases.iter().copied());
    }

    /// Returns when the file is of no further use.
    pub(super) async fn lost(&self) -> Lost {
        let mut lost = self.0.lost.subscribe();
        loop {
            if let Some(lost) = lost.borrow_and_update().clone() {
                return lost;
            }
            if lost.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Looks from now on.
    pub(super) fn watch(&self, options: SqliteConnectOptions) -> ContinuityWatch {
        let stop = CancellationToken::new();
        let (options, stopped) = (options.create_if_missing(false), stop.clone());
        let continuity = self.clone();
        let looking = tokio::spawn(async move {
            let mut connection = None;
            let looking = continuity.look_repeatedly(&options, &mut connection, &stopped);
            looking.await;
            if let Some(connection) = connection {
                // An error leaves nothing to be done: the committer closes the file.
                let _ = connection.close().await;
            }
        });
        ContinuityWatch {
            stop,
            looking: AbortOnDropHandle::new(looking),
        }
    }

    async fn look_repeatedly(
        &self,
        options: &SqliteConnectOptions,
        connection: &mut Option<SqliteConnection>,
        stopped: &CancellationToken,
    ) {
        let statements = LookStatements::new();
        let mut refusals = self.0.claims.refused();
        let mut failing = false;
        loop {
            tokio::select! {
                () = stopped.cancelled() => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                // The sender lives as long as this.
                _ = refusals.changed() => {}
            }
            // Of before the look: that explains it, or nothing does.
            let refused = *refusals.borrow_and_update();
            match self.look_once(options, connection, &statements).await {
                Ok(Found::Known) => {
                    failing = false;
                    if let Some(lease) = refused {
                        self.report_refused(lease);
                        self.0.lost.send_replace(Some(Lost::History));
                        return;
                    }
                }
                Ok(Found::Nothing) => failing = false,
                Ok(Found::OtherHistory) => {
                    self.0.lost.send_replace(Some(Lost::History));
                    return;
                }
                Err(failure) => {
                    *connection = None;
                    self.0.damage.note(&failure);
                    if !failing {
                        let file = self.0.file.display();
                        warn!(%file, %failure, "the database cannot be looked at; retrying");
                    }
                    failing = true;
                }
            }
        }
    }

    async fn look_once(
        &self,
        options: &SqliteConnectOptions,
        held: &mut Option<SqliteConnection>,
        statements: &LookStatements,
    ) -> Result<Found, sqlx::Error> {
        let file = self.0.file.display();
        match FileIdentity::of(&self.0.file) {
            Ok(found) if found == self.0.identity => {}
            // It must not be opened before this node has closed its own: the log beside it is that
            // of the file it has replaced.
            Ok(_) => {
                warn!(%file, "the database was replaced by another file");
                return Ok(Found::OtherHistory);
            }
            Err(failure) if failure.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(failure) => return Err(failure.into()),
        }
        if self.0.damage.objection().is_some() {
            // A new connection to an empty file would remove the log beside it.
            return Ok(Found::Nothing);
        }
        let log = FileIdentity::of(&log_of(&self.0.file)).ok();
        if log.is_some() {
            *self.0.log.lock().unwrap_or_else(PoisonError::into_inner) = log;
        }
        let connection = match held {
            Some(connection) => connection,
            None => held.insert(options.connect().await?),
        };
        // Pages are read from the file again: damage to it shows.
        sqlx::query("PRAGMA shrink_memory")
            .execute(&mut *connection)
            .await?;
        match self.is_sound(connection, statements).await? {
            true => Ok(Found::Known),
            false => Ok(Found::OtherHistory),
        }
    }

    /// Whether the file has what is known of it. If it went backwards, begins a new generation.
    async fn is_sound(
        &self,
        connection: &mut SqliteConnection,
        statements: &LookStatements,
    ) -> Result<bool, sqlx::Error> {
        let (heads, claims) = (self.0.heads.all(), self.0.claims.all());
        let sighting = look(connection, statements, &heads, &claims).await?;
        let known = self.0.generation;
        match judge(known, None, &sighting) {
            Verdict::Sound => {
                // So that a loss is named, although this process has written nothing.
                self.0.heads.note_read(sighting.ends);
                self.0.claims.note_read(&claims);
                return Ok(true);
            }
            Verdict::NewGeneration => info!(
                file = %self.0.file.display(),
                generation = sighting.generation.number,
                "the database has begun a new generation; this node starts over"
            ),
            Verdict::Backwards => {
                let (generation, lost) = begin(
                    connection,
                    sighting.generation,
                    known,
                    &sighting.missing,
                    Cause::WentBackwards,
                )
                .await?;
                self.report(generation, &lost);
            }
        }
        Ok(false)
    }

    /// To be called once all connections are closed: if another file has taken the place of the one
    /// that was opened, removes the log of the old one, which would corrupt the new one, and looks
    /// at what that has.
    pub(super) async fn settle_replacement(&self, options: &SqliteConnectOptions) {
        let file = &self.0.file;
        if FileIdentity::of(file).is_ok_and(|found| found == self.0.identity) {
            return;
        }
        let old_log = *self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        let log = log_of(file);
        if old_log.is_some() && FileIdentity::of(&log).ok() == old_log {
            for old in [log, index_of(file)] {
                if let Err(failure) = fs::remove_file(&old)
                    && failure.kind() != io::ErrorKind::NotFound
                {
                    warn!(file = %old.display(), %failure, "the log of a replaced database stays");
                }
            }
        }
        let looking = async {
            let options = options.clone().create_if_missing(false);
            let mut connection = options.connect().await?;
            let is_sound = self.is_sound(&mut connection, &LookStatements::new()).await;
            connection.close().await?;
            is_sound
        };
        if let Err(failure) = looking.await {
            // The next start reports it.
            warn!(file = %file.display(), %failure, "the file that has replaced the database cannot be looked at");
        }
    }

    fn report_refused(&self, lease: ShardLease) {
        error!(
            file = %self.0.file.display(),
            shard = %lease.shard,
            epoch = lease.epoch.0,
            "the database refuses what this node writes, although nothing is missing in it: something else than a node \
             has changed the epochs of its shards. This node claims them again"
        );
    }

    fn report(&self, generation: GenerationId, lost: &[LostRange]) {
        let lost_events: u64 = lost.iter().map(LostRange::events).sum();
        error!(
            file = %self.0.file.display(),
            generation = generation.number,
            lost_events,
            lost = (!lost.is_empty()).then(|| describe_lost(lost)),
            "{}", went_backwards(lost)
        );
    }
}
