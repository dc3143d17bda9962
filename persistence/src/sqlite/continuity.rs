//! Looks each second whether the file is still the one that was opened, and has what this node has
//! seen in it; begins a new generation when it has not.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fritzy_domain::{EventId, Position};
use fritzy_types::ShardId;
use prometheus_client::registry::Registry;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, SqliteConnection};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, warn};

use super::generations::{begin, look, missing_statement};
use super::many_rows::ManyRows;
use crate::committer::Sequenced;
use crate::continuity::{
    GenerationId, GenerationMetrics, KnownHeads, LostRange, Verdict, describe, judge,
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

/// What this node knows of its file. Clones share it.
#[derive(Clone)]
pub(super) struct SqliteContinuity(Arc<Known>);

struct Known {
    file: PathBuf,
    identity: FileIdentity,
    generation: GenerationId,
    heads: KnownHeads,
    lost: watch::Sender<Option<Lost>>,
    metrics: GenerationMetrics,
}

/// The looks, until this is dropped.
pub(super) struct ContinuityWatch(
    #[expect(dead_code, reason = "held to be dropped")] AbortOnDropHandle<()>,
);

impl SqliteContinuity {
    /// # Errors
    /// When the file is not there.
    pub(super) fn new(file: &Path, generation: GenerationId, lost_events: u64) -> io::Result<Self> {
        let metrics = GenerationMetrics::default();
        metrics.set(generation.number, lost_events);
        Ok(Self(Arc::new(Known {
            file: file.to_owned(),
            identity: FileIdentity::of(file)?,
            generation,
            heads: KnownHeads::default(),
            lost: watch::Sender::new(None),
            metrics,
        })))
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.0.metrics.register(registry);
    }

    /// Why nothing may be written any more, or what was just written may not be acknowledged; `None`
    /// if it may. Asks for the file's identity, which the system has in memory.
    pub(super) fn objection(&self) -> Option<String> {
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
        let looking = self
            .clone()
            .look_repeatedly(options.create_if_missing(false));
        ContinuityWatch(AbortOnDropHandle::new(tokio::spawn(looking)))
    }

    async fn look_repeatedly(self, options: SqliteConnectOptions) {
        let missing = missing_statement();
        let mut connection = None;
        let mut failing = false;
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            match self.look_once(&options, &mut connection, &missing).await {
                Ok(None) => failing = false,
                Ok(Some(lost)) => {
                    self.0.lost.send_replace(Some(lost));
                    return;
                }
                Err(failure) => {
                    connection = None;
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
        missing: &ManyRows,
    ) -> Result<Option<Lost>, sqlx::Error> {
        let file = self.0.file.display();
        let is_same = match FileIdentity::of(&self.0.file) {
            Ok(found) => found == self.0.identity,
            Err(failure) if failure.kind() == io::ErrorKind::NotFound => {
                let reason = format!(
                    "the database {file} was removed while the node ran. Put it or a backup there, and start the node"
                );
                return Ok(Some(Lost::Database(reason)));
            }
            Err(failure) => return Err(failure.into()),
        };
        if !is_same {
            warn!(%file, "the database was replaced by another file");
            // The one of before reads the file that was replaced.
            *held = None;
        }
        let connection = match held {
            Some(connection) => connection,
            None => held.insert(options.connect().await?),
        };
        let heads = self.0.heads.all();
        let sighting = look(connection, missing, &heads).await?;
        let known = self.0.generation;
        match judge(known, None, &sighting) {
            Verdict::Sound if is_same => Ok(None),
            // What is in memory is right, and the connections are not.
            Verdict::Sound => Ok(Some(Lost::History)),
            Verdict::NewGeneration => {
                self.report(sighting.generation, &[]);
                Ok(Some(Lost::History))
            }
            Verdict::Backwards => {
                let (generation, lost) =
                    begin(connection, sighting.generation, known, &sighting.missing).await?;
                self.report(generation, &lost);
                Ok(Some(Lost::History))
            }
        }
    }

    fn report(&self, generation: GenerationId, lost: &[LostRange]) {
        let lost_events: u64 = lost.iter().map(LostRange::events).sum();
        error!(
            file = %self.0.file.display(),
            generation = generation.number,
            lost_events,
            lost = describe(lost),
            "the database went backwards: these acknowledged events (shard:positions) are lost. It continues as a new generation"
        );
    }
}
