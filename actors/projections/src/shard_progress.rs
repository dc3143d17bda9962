//! The books of a projection while it works: how far it is in each shard, what is to be read, what is saved, and whose the
//! shards are.

use std::collections::{BTreeMap, HashMap, VecDeque};

use fritzy_domain::Position;
use fritzy_types::{ShardId, ShardLease, StorageError};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info};

use crate::Ack;
use crate::assignment::Owned;
use crate::progress::Progress;
use crate::runner::{Runner, tell};

pub(super) struct Books<'r> {
    pub(super) runner: &'r Runner,
    pub(super) shards: HashMap<ShardId, Progress>,
    /// Shards to be read from the journal, in turn.
    pub(super) behind: VecDeque<ShardId>,
    /// When the ends of the shards were read.
    pub(super) looked: Instant,
    /// Whether some cursor may have been set by hand.
    pub(super) reload: bool,
    /// When the cursors were read.
    pub(super) reloaded: Instant,
    /// Shards of which the projection is to forget what it has taken, before it is asked for anything else.
    pub(super) forgotten: Vec<ShardId>,
    owned: watch::Receiver<Owned>,
}

impl<'r> Books<'r> {
    /// `owned` has seen what led to `shards`.
    pub(super) fn new(
        runner: &'r Runner,
        owned: watch::Receiver<Owned>,
        shards: HashMap<ShardId, Progress>,
    ) -> Self {
        let mut books = Self {
            runner,
            shards,
            behind: VecDeque::new(),
            looked: Instant::now(),
            reload: false,
            reloaded: Instant::now(),
            forgotten: Vec::new(),
            owned,
        };
        books.queue_all();
        books
    }

    /// Returns when shards have come or gone.
    pub(super) async fn moved(&mut self) {
        if self.owned.changed().await.is_err() {
            // Whoever could tell is gone.
            std::future::pending::<()>().await;
        }
    }

    /// Leaves the shards that are not owned any more, with their cursors saved, and begins with those that have come.
    pub(super) async fn follow(&mut self) -> Result<(), StorageError> {
        let owned = loop {
            let followed: Vec<ShardLease> = self.shards.values().map(Progress::lease).collect();
            match self.runner.ownership.hold(&mut self.owned, &followed) {
                Ok(owned) => break owned,
                Err(gone) => self.leave(&gone).await?,
            }
        };
        let is_new = |lease: &ShardLease| !self.shards.contains_key(&lease.shard);
        let come: Vec<ShardLease> = owned.into_values().filter(is_new).collect();
        if come.is_empty() {
            return Ok(());
        }
        // The feed has been listened to since before: nothing falls between the ends and what it tells.
        let shards = self.runner.open_shards(&come).await?;
        self.shards.extend(shards);
        for lease in come {
            self.queue(lease.shard);
        }
        Ok(())
    }

    async fn leave(&mut self, leases: &[ShardLease]) -> Result<(), StorageError> {
        self.save().await?;
        for ShardLease { shard, .. } in leases {
            self.shards.remove(shard);
            self.behind.retain(|behind| behind != shard);
            self.forgotten.push(*shard);
        }
        self.tell();
        Ok(())
    }

    pub(super) fn done(&mut self, done: Ack) {
        let name = self.runner.start.name();
        match done {
            Ack::UpTo(shard, position) => {
                if let Some(progress) = self.shards.get_mut(&shard) {
                    let lag = progress.lag();
                    progress.confirm(position);
                    self.runner.counts.done(lag - progress.lag());
                }
            }
            Ack::Poisoned {
                shard,
                position,
                reason,
            } => {
                if let Some(progress) = self.shards.get_mut(&shard) {
                    error!(projection = name, %shard, position, reason, "a projection stops in a shard; others go on");
                    progress.poisoned(position, reason);
                }
            }
        }
    }

    /// Puts a shard among those to be read, if it is behind.
    pub(super) fn queue(&mut self, shard: ShardId) {
        if let Some(progress) = self.shards.get_mut(&shard)
            && progress.is_behind()
            && !progress.queued
        {
            progress.queued = true;
            self.behind.push_back(shard);
        }
    }

    fn queue_all(&mut self) {
        let shards: Vec<ShardId> = self.shards.keys().copied().collect();
        for shard in shards {
            self.queue(shard);
        }
    }

    /// Looks where the shards end.
    pub(super) async fn look(&mut self) -> Result<(), StorageError> {
        let heads = self.runner.journal.heads().await?;
        self.looked = Instant::now();
        self.grow(heads);
        self.queue_all();
        Ok(())
    }

    /// Notes where the shards end.
    pub(super) fn grow(&mut self, heads: impl IntoIterator<Item = (ShardId, Position)>) {
        for (shard, head) in heads {
            if let Some(progress) = self.shards.get_mut(&shard) {
                progress.grown_to(head);
            }
        }
    }

    /// Saves the cursors that have moved.
    pub(super) async fn save(&mut self) -> Result<(), StorageError> {
        let moves: Vec<_> = self.shards.values().filter_map(Progress::to_save).collect();
        if moves.is_empty() {
            return Ok(());
        }
        let name = self.runner.start.name();
        let refused = self
            .runner
            .cursors
            .save_cursors(name, moves.clone())
            .await?;
        self.reload |= !refused.is_empty();
        for saved in moves {
            let shard = saved.cursor.shard;
            if !refused.contains(&shard)
                && let Some(progress) = self.shards.get_mut(&shard)
            {
                progress.saved(saved.cursor);
            }
        }
        Ok(())
    }

    /// Reads the cursors again, and goes on from those that were set by hand.
    pub(super) async fn reload(&mut self) -> Result<(), StorageError> {
        let name = self.runner.start.name();
        let saved = self.runner.cursors.cursors(name).await?;
        self.reload = false;
        self.reloaded = Instant::now();
        let by_hand: BTreeMap<ShardId, _> = saved
            .into_iter()
            .filter(|cursor| {
                let known = self.shards.get(&cursor.shard);
                known.is_some_and(|progress| progress.resets() != cursor.resets)
            })
            .map(|cursor| (cursor.shard, cursor))
            .collect();
        for (shard, cursor) in by_hand {
            info!(projection = name, %shard, position = cursor.position, "a cursor was set by hand");
            self.forgotten.push(shard);
            if let Some(progress) = self.shards.get_mut(&shard) {
                progress.set(cursor);
            }
            self.queue(shard);
        }
        Ok(())
    }

    pub(super) fn tell(&self) {
        tell(self.runner, &self.shards);
    }
}
