//! A projection while it works: what is done, a second's housekeeping, what is fed, and pages of the journal, in turn.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::ready;
use std::time::Duration;

use fritzy_domain::{Committed, Fed, Feed, Position, ReadError, ShardId};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tracing::{error, info};

use super::progress::Progress;
use super::runner::{Ended, Runner, asked};
use super::{Broken, Done, ProjectedEvent, Projection};
use crate::entity_actor::now;

/// Between two savings of cursors: after a kill, what was done since is done again.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Between two looks for events that no feed has told of: a commit whose answer was lost. One look asks for the end of
/// each shard, some milliseconds for 1 024 of them.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Between two looks for cursors that were set by hand.
const RELOAD_EVERY: Duration = Duration::from_secs(5);
/// Between two looks where the shards end, while there is no room.
const LOOK_WAITING_EVERY: Duration = Duration::from_secs(2);
/// Events in one read of the journal: the cost of a statement is spread over enough of them.
const PAGE_MAX: u32 = 500;

/// What is to be done next.
enum Turn {
    /// Something is done.
    Done(Result<Done, Broken>),
    /// A second has passed.
    House,
    /// Something was committed.
    Fed(Fed),
    /// There is something to read.
    Page,
}

/// A projection while it works.
pub(super) struct Running<'r> {
    runner: &'r Runner,
    projection: Box<dyn Projection>,
    feed: Box<dyn Feed>,
    shards: HashMap<ShardId, Progress>,
    /// Shards to be read from the journal, in turn.
    behind: VecDeque<ShardId>,
    /// When the ends of the shards were read.
    looked: Instant,
    /// Whether some cursor may have been set by hand.
    reload: bool,
    /// When the cursors were read.
    reloaded: Instant,
}

impl<'r> Running<'r> {
    pub(super) fn new(
        runner: &'r Runner,
        projection: Box<dyn Projection>,
        feed: Box<dyn Feed>,
        shards: HashMap<ShardId, Progress>,
    ) -> Self {
        let mut running = Self {
            runner,
            projection,
            feed,
            shards,
            behind: VecDeque::new(),
            looked: Instant::now(),
            reload: false,
            reloaded: Instant::now(),
        };
        running.queue_all();
        running
    }

    /// Works until it is told to stop, or cannot.
    pub(super) async fn go_on(&mut self) -> Ended {
        let mut stop = self.runner.stop.clone();
        let mut saving = every(SAVE_EVERY);
        // What a first start settles is settled: a projection that begins now never begins earlier.
        if let Err(failure) = self.save().await {
            return failure.into();
        }
        loop {
            let turn = tokio::select! {
                biased;
                () = asked(&mut stop) => {
                    self.hear_what_is_done().await;
                    return Ended::Stopped;
                }
                done = self.projection.done() => Turn::Done(done),
                _ = saving.tick() => Turn::House,
                fed = self.feed.next() => Turn::Fed(fed),
                () = ready(()), if !self.behind.is_empty() => Turn::Page,
            };
            let worked = match turn {
                Turn::Done(Ok(done)) => {
                    self.done(done);
                    Ok(())
                }
                Turn::Done(Err(broken)) => Err(broken.into()),
                Turn::House => self.keep_house().await,
                Turn::Fed(fed) => self.fed(fed).await,
                Turn::Page => self.read_page().await,
            };
            if let Err(ended) = worked {
                return ended;
            }
        }
    }

    /// Takes what is done already, and waits for nothing.
    async fn hear_what_is_done(&mut self) {
        loop {
            let done = tokio::select! {
                biased;
                done = self.projection.done() => done,
                () = ready(()) => return,
            };
            match done {
                Ok(done) => self.done(done),
                Err(_) => return,
            }
        }
    }

    fn done(&mut self, done: Done) {
        let name = self.runner.start.name();
        match done {
            Done::UpTo(shard, position) => {
                if let Some(progress) = self.shards.get_mut(&shard) {
                    let lag = progress.lag();
                    progress.confirm(position);
                    self.runner.counts.done(lag - progress.lag());
                }
            }
            Done::Poisoned {
                shard,
                position,
                reason,
            } => {
                error!(projection = name, %shard, position, reason, "a projection stops in a shard; others go on");
                if let Some(progress) = self.shards.get_mut(&shard) {
                    progress.poisoned(position, reason);
                }
            }
        }
    }

    async fn fed(&mut self, fed: Fed) -> Result<(), Ended> {
        match fed {
            Fed::Batch(batch) => {
                for committed in &*batch {
                    self.fed_one(committed).await?;
                }
                Ok(())
            }
            Fed::Missed => self.look().await,
            Fed::Closed => Err(Ended::Stopped),
        }
    }

    async fn fed_one(&mut self, committed: &Committed) -> Result<(), Ended> {
        let Committed { append, positions } = committed;
        let shard = append.lease.shard;
        let Some(progress) = self.shards.get_mut(&shard) else {
            return Ok(());
        };
        let events = append.events.len() as u64;
        progress.grown_to(positions.first + events - 1);
        if progress.next() != positions.first || !progress.is_behind() || progress.queued {
            self.queue(shard);
            return Ok(());
        }
        for (offset, (event_id, event)) in append.events.iter().enumerate() {
            let offset = offset as u64;
            let event = ProjectedEvent {
                shard,
                position: positions.first + offset,
                entity: append.entity,
                version: append.after + 1 + offset,
                event_id: *event_id,
                command: append.command,
                event,
            };
            self.take(event).await?;
        }
        Ok(())
    }

    /// Hands an event over. While there is no room for it, which may be for hours, it goes on to tell how far it is behind.
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<(), Ended> {
        let Self {
            runner,
            projection,
            shards,
            looked,
            ..
        } = self;
        let mut taking = projection.take(event);
        loop {
            if let Ok(taken) = timeout(SAVE_EVERY, &mut taking).await {
                taken?;
                break;
            }
            if looked.elapsed() >= LOOK_WAITING_EVERY
                && let Ok(heads) = runner.journal.heads().await
            {
                *looked = Instant::now();
                grow(shards, heads);
            }
            tell(runner, shards);
        }
        if let Some(progress) = shards.get_mut(&event.shard) {
            progress.taken(event.event.at());
        }
        Ok(())
    }

    /// Reads what follows in the shard whose turn it is.
    async fn read_page(&mut self) -> Result<(), Ended> {
        let Some(shard) = self.behind.pop_front() else {
            return Ok(());
        };
        let progress = self.shards.get_mut(&shard).expect("only those are queued");
        progress.queued = false;
        if !progress.is_behind() {
            return Ok(());
        }
        let limit = if progress.page == 0 {
            PAGE_MAX
        } else {
            progress.page
        };
        let after = progress.next() - 1;
        let page = match self.runner.journal.read_shard(shard, after, limit).await {
            Ok(page) => page,
            Err(ReadError::Unreadable(_)) if limit > 1 => {
                progress.page = 1;
                self.queue(shard);
                return Ok(());
            }
            Err(ReadError::Unreadable(reason)) => {
                let position = progress.next();
                self.done(Done::Poisoned {
                    shard,
                    position,
                    reason,
                });
                return Ok(());
            }
            Err(failure) => return Err(failure.into()),
        };
        progress.page = 0;
        let mut in_a_row = 0;
        for recorded in &page {
            if recorded.position != after + 1 + in_a_row {
                break;
            }
            self.take(recorded.into()).await?;
            in_a_row += 1;
        }
        if in_a_row < page.len() as u64 || page.is_empty() {
            let position = after + 1 + in_a_row;
            let reason = "the journal has no such event, and some behind it: events were lost (I2)";
            self.done(Done::Poisoned {
                shard,
                position,
                reason: reason.to_owned(),
            });
            return Ok(());
        }
        self.queue(shard);
        Ok(())
    }

    /// Puts a shard among those to be read, if it is behind.
    fn queue(&mut self, shard: ShardId) {
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
    async fn look(&mut self) -> Result<(), Ended> {
        let heads = self.runner.journal.heads().await?;
        self.looked = Instant::now();
        grow(&mut self.shards, heads);
        self.queue_all();
        Ok(())
    }

    async fn keep_house(&mut self) -> Result<(), Ended> {
        self.save().await?;
        let stopped = self.shards.values().any(Progress::is_stopped);
        if stopped || self.reload || self.reloaded.elapsed() >= RELOAD_EVERY {
            self.reload().await?;
        }
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look().await?;
        }
        self.tell();
        Ok(())
    }

    /// Saves the cursors that have moved.
    pub(super) async fn save(&mut self) -> Result<(), ReadError> {
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
    async fn reload(&mut self) -> Result<(), Ended> {
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
            self.projection.forget(shard);
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

/// Notes where the shards end.
fn grow(
    shards: &mut HashMap<ShardId, Progress>,
    heads: impl IntoIterator<Item = (ShardId, Position)>,
) {
    for (shard, head) in heads {
        if let Some(progress) = shards.get_mut(&shard) {
            progress.grown_to(head);
        }
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

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
