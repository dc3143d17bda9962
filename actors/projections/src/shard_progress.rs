//! The progress of a running projection: how far it is in each shard, which shards are to be read
//! from the journal, which cursors are to be saved, and which shards are assigned.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::mem;
use std::time::Duration;

use fritzy_domain::Position;
use fritzy_types::{ShardId, ShardLease, StorageError, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info};

use crate::Ack;
use crate::assignment::Assignment;
use crate::context::Context;
use crate::progress::Progress;

/// Interval at which heads are read, to find events that no feed has delivered: those of a commit
/// whose outcome was lost. One query asks for the head of each shard, some milliseconds for 1 024.
const HEADS_INTERVAL: Duration = Duration::from_secs(10);
/// The same, while the projection has no free capacity.
const HEADS_INTERVAL_WAITING: Duration = Duration::from_secs(2);
/// Interval at which cursors are read, to find those that were reset.
const RELOAD_INTERVAL: Duration = Duration::from_secs(5);
/// Events in one read of the journal: enough to spread the cost of a statement.
const PAGE_MAX: u32 = 500;

/// A read of the journal.
pub(super) struct NextPage {
    pub(super) shard: ShardId,
    pub(super) after: Position,
    pub(super) limit: u32,
}

pub(super) struct ProgressTable<'c> {
    context: &'c Context,
    shards: HashMap<ShardId, Progress>,
    /// Shards to be read from the journal, in turn.
    behind: VecDeque<ShardId>,
    heads_read: Instant,
    /// Whether a cursor may have been reset.
    reload: bool,
    cursors_read: Instant,
    /// Shards whose events the projection has to forget before it is called for anything else.
    to_forget: Vec<ShardId>,
    assignment: watch::Receiver<Assignment>,
}

impl<'c> ProgressTable<'c> {
    /// `assignment` has seen the change that led to `shards`.
    pub(super) fn new(
        context: &'c Context,
        assignment: watch::Receiver<Assignment>,
        shards: HashMap<ShardId, Progress>,
    ) -> Self {
        let mut table = Self {
            context,
            shards,
            behind: VecDeque::new(),
            heads_read: Instant::now(),
            reload: false,
            cursors_read: Instant::now(),
            to_forget: Vec::new(),
            assignment,
        };
        table.queue_all();
        table
    }

    pub(super) const fn context(&self) -> &'c Context {
        self.context
    }

    /// Returns when shards were assigned or revoked.
    pub(super) async fn assignment_changed(&mut self) {
        if self.assignment.changed().await.is_err() {
            // The sender is gone: nothing changes any more.
            std::future::pending::<()>().await;
        }
    }

    /// Releases the shards that were revoked, with their cursors saved, and opens those that were
    /// assigned.
    pub(super) async fn follow_assignment(&mut self) -> Result<(), StorageError> {
        let assigned = loop {
            let followed: Vec<ShardLease> = self.shards.values().map(Progress::lease).collect();
            let held = self
                .context
                .assignments
                .hold(&mut self.assignment, &followed);
            match held {
                Ok(assigned) => break assigned,
                Err(revoked) => self.release(&revoked).await?,
            }
        };
        let is_new = |lease: &ShardLease| !self.shards.contains_key(&lease.shard);
        let new: Vec<ShardLease> = assigned.into_values().filter(is_new).collect();
        if new.is_empty() {
            return Ok(());
        }
        // The feed was subscribed to before: no event is missed between the heads and the feed.
        let shards = self.context.open_shards(&new).await?;
        self.shards.extend(shards);
        for lease in new {
            self.queue(lease.shard);
        }
        Ok(())
    }

    async fn release(&mut self, leases: &[ShardLease]) -> Result<(), StorageError> {
        self.save().await?;
        for ShardLease { shard, .. } in leases {
            self.shards.remove(shard);
            self.behind.retain(|behind| behind != shard);
            self.to_forget.push(*shard);
        }
        self.report_lag();
        Ok(())
    }

    pub(super) fn acknowledge(&mut self, ack: Ack) {
        let name = self.context.name();
        match ack {
            Ack::UpTo(shard, position) => {
                if let Some(progress) = self.shards.get_mut(&shard) {
                    let lag = progress.lag();
                    progress.confirm(position);
                    self.context.counts.confirmed(lag - progress.lag());
                }
            }
            Ack::Poisoned {
                shard,
                position,
                reason,
            } => {
                if let Some(progress) = self.shards.get_mut(&shard) {
                    error!(projection = name, %shard, position, reason, "a projection stopped in a shard; other shards continue");
                    progress.poisoned(position, reason);
                }
            }
        }
    }

    /// Notes events that the feed has delivered. Returns whether the projection can take them now;
    /// otherwise they will be read from the journal.
    pub(super) fn can_take_fed(&mut self, shard: ShardId, first: Position, last: Position) -> bool {
        let Some(progress) = self.shards.get_mut(&shard) else {
            return false;
        };
        progress.grown_to(last);
        let can_take = progress.next() == first && progress.is_behind() && !progress.queued;
        if !can_take {
            self.queue(shard);
        }
        can_take
    }

    /// Notes that the projection has taken the next event of this shard. Returns `false` if the
    /// shard was released while it did: then the event is one of those to forget, even if the shard
    /// has come back since.
    pub(super) fn taken(&mut self, shard: ShardId, decided_at: Timestamp) -> bool {
        let was_released = self.to_forget.contains(&shard);
        if !was_released && let Some(progress) = self.shards.get_mut(&shard) {
            progress.taken(decided_at);
        }
        !was_released
    }

    /// Whether a shard has to be read from the journal.
    pub(super) fn has_backlog(&self) -> bool {
        !self.behind.is_empty()
    }

    /// The next read of the journal; `None` if that shard has caught up meanwhile.
    pub(super) fn next_page(&mut self) -> Option<NextPage> {
        let shard = self.behind.pop_front()?;
        let progress = self.shards.get_mut(&shard);
        let progress = progress.expect("only shards that are followed are queued");
        progress.queued = false;
        if !progress.is_behind() {
            return None;
        }
        let limit = if progress.page == 0 {
            PAGE_MAX
        } else {
            progress.page
        };
        Some(NextPage {
            shard,
            after: progress.next() - 1,
            limit,
        })
    }

    /// The last page was readable: the next one is of full length.
    pub(super) fn page_was_read(&mut self, shard: ShardId) {
        if let Some(progress) = self.shards.get_mut(&shard) {
            progress.page = 0;
        }
    }

    /// An event of the last page is unreadable: reads them one by one, to find which.
    pub(super) fn read_one_by_one(&mut self, shard: ShardId) {
        if let Some(progress) = self.shards.get_mut(&shard) {
            progress.page = 1;
        }
        self.queue(shard);
    }

    /// Puts a shard among those to be read, if it lags.
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

    /// Reads the heads, and queues every shard that lags.
    pub(super) async fn read_heads(&mut self) -> Result<(), StorageError> {
        let heads = self.context.journal.heads().await?;
        self.set_heads(heads);
        self.queue_all();
        Ok(())
    }

    /// While the projection has no free capacity: publishes how far it lags, with heads that are at
    /// most some seconds old.
    pub(super) async fn report_while_waiting(&mut self) {
        if self.heads_read.elapsed() >= HEADS_INTERVAL_WAITING
            && let Ok(heads) = self.context.journal.heads().await
        {
            self.set_heads(heads);
        }
        self.report_lag();
    }

    fn set_heads(&mut self, heads: impl IntoIterator<Item = (ShardId, Position)>) {
        self.heads_read = Instant::now();
        for (shard, head) in heads {
            if let Some(progress) = self.shards.get_mut(&shard) {
                progress.grown_to(head);
            }
        }
    }

    /// Saves cursors, and reads cursors and heads where it is time to.
    pub(super) async fn housekeeping(&mut self) -> Result<(), StorageError> {
        self.save().await?;
        let is_stopped = self.shards.values().any(Progress::is_stopped);
        if is_stopped || self.reload || self.cursors_read.elapsed() >= RELOAD_INTERVAL {
            self.reload().await?;
        }
        if self.heads_read.elapsed() >= HEADS_INTERVAL {
            self.read_heads().await?;
        }
        self.report_lag();
        Ok(())
    }

    /// Saves the cursors that have moved.
    pub(super) async fn save(&mut self) -> Result<(), StorageError> {
        let moves: Vec<_> = self.shards.values().filter_map(Progress::to_save).collect();
        if moves.is_empty() {
            return Ok(());
        }
        let name = self.context.name();
        let cursors = &self.context.cursors;
        let refused = cursors.save_cursors(name, moves.clone()).await?;
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

    /// Reads the cursors, and continues at those that were reset.
    async fn reload(&mut self) -> Result<(), StorageError> {
        let name = self.context.name();
        let saved = self.context.cursors.cursors(name).await?;
        self.reload = false;
        self.cursors_read = Instant::now();
        let resets: BTreeMap<ShardId, _> = saved
            .into_iter()
            .filter(|cursor| {
                let known = self.shards.get(&cursor.shard);
                known.is_some_and(|progress| progress.resets() != cursor.resets)
            })
            .map(|cursor| (cursor.shard, cursor))
            .collect();
        for (shard, cursor) in resets {
            info!(projection = name, %shard, position = cursor.position, "a cursor was reset");
            self.to_forget.push(shard);
            if let Some(progress) = self.shards.get_mut(&shard) {
                progress.set(cursor);
            }
            self.queue(shard);
        }
        Ok(())
    }

    /// The shards whose events the projection has to forget, each time once.
    pub(super) fn drain_forgotten(&mut self) -> Vec<ShardId> {
        mem::take(&mut self.to_forget)
    }

    pub(super) fn report_lag(&self) {
        self.context.report_lag(&self.shards);
    }
}
