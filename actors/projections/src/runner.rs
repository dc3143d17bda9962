//! The runner of one projection on this node: one task that hands events to it, hears what is done, and saves cursors.
//!
//! Shards that keep up are fed by the committer. One that has missed something is read from the journal, page by page,
//! in turn with the others that are behind, until it has caught up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fritzy_domain::{CommitFeed, Cursors, Journal, Position};
use fritzy_types::{ShardId, ShardLease, StorageError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{error, warn};

use crate::assignment::{Owned, Ownership};
use crate::clock::now;
use crate::event_loop::Running;
use crate::progress::Progress;
use crate::shard_progress::Books;
use crate::status::Counts;
use crate::{Begin, Projection, ProjectionError, ProjectionStart};

/// Before a projection that broke, or a store that did not answer, is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// One that broke so soon may do so again, and each time repeats what it was not sure of: after a dozen of these in a row it
/// is tried more seldom. What cannot start, or waits for the store, repeats nothing.
const SHORT_RUN: Duration = Duration::from_secs(30);
/// See there.
const SHORT_RUNS_MAX: u32 = 12;
/// See there.
const LATER: Duration = Duration::from_secs(30);

pub(super) struct Runner {
    pub(super) start: Arc<dyn ProjectionStart>,
    pub(super) journal: Journal,
    pub(super) cursors: Arc<dyn Cursors>,
    pub(super) ownership: Ownership,
    pub(super) counts: Counts,
    pub(super) stop: watch::Receiver<bool>,
}

type Opened = (
    Box<dyn CommitFeed>,
    HashMap<ShardId, Progress>,
    Box<dyn Projection>,
);

/// Why a projection does not go on.
pub(super) enum Ended {
    /// It was told to.
    Stopped,
    /// Its shards were given up all at once.
    Abandoned,
    /// It broke.
    ProjectionError(ProjectionError),
    /// It could not even start: nothing was taken.
    NotStarted(ProjectionError),
    /// The store does not answer.
    Store(StorageError),
}

impl From<ProjectionError> for Ended {
    fn from(broken: ProjectionError) -> Self {
        Self::ProjectionError(broken)
    }
}

impl From<StorageError> for Ended {
    fn from(failure: StorageError) -> Self {
        Self::Store(failure)
    }
}

impl Runner {
    /// Runs until it is told to stop. What is done by then is saved.
    pub(super) async fn run(&self) {
        let name = self.start.name();
        let mut short_runs = 0;
        loop {
            let began = Instant::now();
            let abandoned = self.ownership.abandoned();
            let ended = tokio::select! {
                biased;
                // The projection ends wherever it is, and saves nothing: others have its shards.
                () = self.ownership.abandoned_since(abandoned) => Ended::Abandoned,
                ended = self.run_once() => ended,
            };
            short_runs =
                if matches!(ended, Ended::ProjectionError(_)) && began.elapsed() < SHORT_RUN {
                    short_runs + 1
                } else {
                    0
                };
            match ended {
                Ended::Stopped => return,
                Ended::Abandoned => {
                    warn!(projection = name, "a projection gives up its shards");
                    continue;
                }
                Ended::ProjectionError(broken) | Ended::NotStarted(broken) => {
                    self.counts.restarted();
                    warn!(projection = name, reason = %broken, "a projection broke; starting anew from its cursors");
                }
                Ended::Store(failure) => {
                    warn!(projection = name, %failure, "a projection waits for the store");
                }
            }
            let mut stop = self.stop.clone();
            tokio::select! {
                () = asked(&mut stop) => return,
                () = sleep(if short_runs > SHORT_RUNS_MAX { LATER } else { AGAIN_AFTER }) => {}
            }
        }
    }

    async fn run_once(&self) -> Ended {
        let _holding = self.ownership.until_dropped();
        let (mut stop, mut owned) = (self.stop.clone(), self.ownership.watch());
        let opened = tokio::select! {
            () = asked(&mut stop) => return Ended::Stopped,
            opened = self.open(&mut owned) => opened,
        };
        let (feed, shards, projection) = match opened {
            Ok(opened) => opened,
            Err(ended) => return ended,
        };
        let books = Books::new(self, owned, shards);
        let mut running = Running::new(projection, feed, books);
        let ended = running.go_on().await;
        // Also after it broke: what is done needs not be done again.
        if let Err(failure) = running.books.save().await {
            let name = self.start.name();
            warn!(projection = name, %failure, "cursors were not saved");
        }
        running.books.tell();
        ended
    }

    /// Starts the projection once there are shards, for those that are owned then.
    async fn open(&self, owned: &mut watch::Receiver<Owned>) -> Result<Opened, Ended> {
        tell(self, &HashMap::new());
        if owned
            .wait_for(|owned| !owned.leases.is_empty())
            .await
            .is_err()
        {
            return Err(Ended::Stopped);
        }
        let feed = self.journal.feed();
        let mut starting = self.start.start();
        loop {
            let leases = self.ownership.hold(owned, &[]);
            let leases = leases.expect("nothing is followed yet");
            let leases: Vec<ShardLease> = leases.into_values().collect();
            let shards = self.open_shards(&leases).await?;
            // It may be long until it can start.
            tell(self, &shards);
            tokio::select! {
                biased;
                Ok(()) = owned.changed() => {}
                started = &mut starting => {
                    return Ok((feed, shards, started.map_err(Ended::NotStarted)?));
                }
            }
        }
    }

    /// The shards as they were saved; the ends are read after the feed has begun, so that nothing falls between.
    pub(super) async fn open_shards(
        &self,
        leases: &[ShardLease],
    ) -> Result<HashMap<ShardId, Progress>, StorageError> {
        let saved = self.cursors.cursors(self.start.name()).await?;
        let mut saved: HashMap<ShardId, _> = saved
            .into_iter()
            .map(|cursor| (cursor.shard, cursor))
            .collect();
        let heads = self.journal.heads().await?;
        let mut shards = HashMap::with_capacity(leases.len());
        for &lease in leases {
            let head = heads.get(&lease.shard).copied().unwrap_or_default();
            let begin = match self.start.begin() {
                Begin::Now => head,
                Begin::Start => 0,
            };
            let mut progress = Progress::new(lease, saved.remove(&lease.shard), begin);
            meet(&mut progress, head, self.start.name());
            shards.insert(lease.shard, progress);
        }
        // What a first look settles is settled, whatever comes then: now is now, not when Kafka answers.
        let begun: Vec<_> = shards.values().filter_map(Progress::to_begin).collect();
        if !begun.is_empty() {
            self.cursors.save_cursors(self.start.name(), begun).await?;
            let saved = self.cursors.cursors(self.start.name()).await?;
            for cursor in saved {
                if let Some(progress) = shards.get_mut(&cursor.shard) {
                    progress.begun(cursor);
                }
            }
        }
        Ok(shards)
    }
}

/// Tells a shard where its journal ends, as it was read.
fn meet(progress: &mut Progress, head: Position, projection: &'static str) {
    progress.grown_to(head);
    if progress.is_beyond(head) && !progress.is_stopped() {
        let shard = progress.lease().shard;
        let reason = format!(
            "its cursor is beyond the end of the journal, {head}: the database was restored, or is another"
        );
        error!(projection, %shard, reason, "a projection stops in a shard");
        progress.poisoned(progress.next(), reason);
    }
}

/// Tells how far it is behind.
pub(super) fn tell(runner: &Runner, shards: &HashMap<ShardId, Progress>) {
    let shards = shards.values();
    let lag = shards.clone().map(Progress::lag).sum();
    let oldest = shards.clone().filter_map(Progress::oldest).min();
    let lag_micros = oldest.map_or(0, |oldest| now().as_micros() - oldest.as_micros());
    let stopped = shards.filter(|shard| shard.is_stopped()).count();
    let lag_s = lag_micros.max(0) as f64 / 1e6;
    runner.counts.tell(lag, lag_s, stopped);
}

/// Returns when it is told to stop.
pub(super) async fn asked(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could tell is gone.
    let _ = stop.wait_for(|asked| *asked).await;
}
