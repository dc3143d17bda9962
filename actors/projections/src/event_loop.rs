//! The event loop of a running projection: acknowledgements, housekeeping once a second, committed
//! events from the feed, and pages of the journal.

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use fritzy_domain::{CommitFeed, Committed, FeedItem, Generations};
use fritzy_types::StorageError;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tracing::warn;

use crate::ended::Ended;
use crate::shard_progress::{NextPage, ProgressTable};
use crate::{Ack, ProjectedEvent, Projection, ProjectionError};

/// Interval at which cursors are saved: after a kill, events acknowledged since then are delivered
/// again.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// What to do next.
enum Step {
    /// Shards were assigned or revoked.
    AssignmentChanged,
    /// The projection has acknowledged events, or failed.
    Ack(Result<Ack, ProjectionError>),
    /// [`SAVE_INTERVAL`] has passed, so cursors are saved.
    Tick,
    /// The feed has delivered committed events.
    Feed(FeedItem),
    /// Some shard has to be read from the journal.
    Page,
}

/// A projection with its feed and its progress in each shard.
pub(super) struct ProjectionLoop<'c> {
    projection: Box<dyn Projection>,
    feed: Box<dyn CommitFeed>,
    progress: ProgressTable<'c>,
    /// The history of the journal. A new generation abandons all shards, and with them this.
    generations: Arc<Generations>,
}

impl<'c> ProjectionLoop<'c> {
    pub(super) fn new(
        projection: Box<dyn Projection>,
        feed: Box<dyn CommitFeed>,
        progress: ProgressTable<'c>,
        generations: Arc<Generations>,
    ) -> Self {
        Self {
            projection,
            feed,
            progress,
            generations,
        }
    }

    /// Runs until a stop is requested or the projection fails, and saves the cursors.
    pub(super) async fn run(mut self) -> Ended {
        let ended = self.run_steps().await;
        // Also after a failure: acknowledged events need not be delivered again.
        if let Err(failure) = self.progress.save().await {
            let name = self.progress.context().name();
            warn!(projection = name, %failure, "cursors were not saved");
        }
        self.progress.report_lag();
        ended
    }

    async fn run_steps(&mut self) -> Ended {
        let stop_requested = self.progress.context().stop.cancelled();
        let mut stop_requested = std::pin::pin!(stop_requested);
        let mut ticks = every(SAVE_INTERVAL);
        // Where a projection begins is saved at once: one that begins now never begins earlier.
        if let Err(failure) = self.progress.save().await {
            return failure.into();
        }
        loop {
            let step = tokio::select! {
                biased;
                () = &mut stop_requested => {
                    self.drain_acks().await;
                    return Ended::Stopped;
                }
                () = self.progress.assignment_changed() => Step::AssignmentChanged,
                ack = self.projection.next_ack() => Step::Ack(ack),
                _ = ticks.tick() => Step::Tick,
                item = self.feed.next() => Step::Feed(item),
                () = ready(()), if self.progress.has_backlog() => Step::Page,
            };
            let performed = match step {
                Step::AssignmentChanged => self.follow_assignment().await,
                Step::Ack(Ok(ack)) => {
                    self.progress.acknowledge(ack);
                    Ok(())
                }
                Step::Ack(Err(error)) => Err(error.into()),
                Step::Tick => self.housekeeping().await,
                Step::Feed(item) => self.take_fed(item).await,
                Step::Page => self.take_page().await,
            };
            if let Err(ended) = performed {
                // What was acknowledged before the failure is not delivered again.
                self.drain_acks().await;
                return ended;
            }
        }
    }

    /// Follows the assignment. Acknowledgements that are ready count for the cursors saved by it.
    async fn follow_assignment(&mut self) -> Result<(), Ended> {
        self.drain_acks().await;
        self.progress.follow_assignment().await?;
        self.forget();
        Ok(())
    }

    /// Takes the acknowledgements that are ready, without waiting.
    async fn drain_acks(&mut self) {
        loop {
            let ack = tokio::select! {
                biased;
                ack = self.projection.next_ack() => ack,
                () = ready(()) => return,
            };
            match ack {
                Ok(ack) => self.progress.acknowledge(ack),
                Err(_) => return,
            }
        }
    }

    async fn housekeeping(&mut self) -> Result<(), Ended> {
        self.progress.housekeeping().await?;
        self.forget();
        Ok(())
    }

    async fn take_fed(&mut self, item: FeedItem) -> Result<(), Ended> {
        match item {
            FeedItem::Batch(batch) => {
                for committed in &*batch {
                    self.take_committed(committed).await?;
                }
                Ok(())
            }
            FeedItem::Lagged => Ok(self.progress.read_heads().await?),
            FeedItem::Closed => Err(Ended::Stopped),
        }
    }

    async fn take_committed(&mut self, committed: &Committed) -> Result<(), Ended> {
        let Committed { append, outcome } = committed;
        let shard = append.lease.shard;
        let last = outcome.first + append.events.len() as u64 - 1;
        if !self.progress.can_take_fed(shard, outcome.first, last) {
            return Ok(());
        }
        for (offset, (event_id, event)) in append.events.iter().enumerate() {
            let offset = offset as u64;
            let position = outcome.first + offset;
            let event = ProjectedEvent {
                shard,
                position,
                generation: self.generations.of(shard, position),
                entity: append.entity,
                version: append.expected_version + 1 + offset,
                event_id: *event_id,
                command: append.command,
                event,
            };
            if !self.take(event).await? {
                break;
            }
        }
        Ok(())
    }

    /// Hands an event to the projection. While that has no free capacity, which may be for hours,
    /// the lag is published and the assignment followed. Returns whether the shard is still
    /// followed as it was.
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<bool, Ended> {
        let Self {
            projection,
            progress,
            ..
        } = self;
        let mut taking = projection.take(event);
        loop {
            tokio::select! {
                biased;
                taken = &mut taking => {
                    taken?;
                    break;
                }
                () = progress.assignment_changed() => progress.follow_assignment().await?,
                () = sleep(SAVE_INTERVAL) => progress.report_while_waiting().await,
            }
        }
        drop(taking);
        let is_followed = progress.taken(event.shard, event.event.at());
        self.forget();
        Ok(is_followed)
    }

    /// Reads the next page of the shard whose turn it is.
    async fn take_page(&mut self) -> Result<(), Ended> {
        let Some(NextPage {
            shard,
            after,
            limit,
        }) = self.progress.next_page()
        else {
            return Ok(());
        };
        let journal = &self.progress.context().journal;
        let page = match journal.read_shard(shard, after, limit).await {
            Ok(page) => page,
            Err(StorageError::Unreadable(_)) if limit > 1 => {
                self.progress.read_one_by_one(shard);
                return Ok(());
            }
            Err(StorageError::Unreadable(reason)) => {
                self.progress.acknowledge(Ack::Poisoned {
                    shard,
                    position: after + 1,
                    reason,
                });
                return Ok(());
            }
            Err(failure) => return Err(failure.into()),
        };
        self.progress.page_was_read(shard);
        let mut contiguous = 0;
        for recorded in &page {
            if recorded.position != after + 1 + contiguous {
                break;
            }
            let event = ProjectedEvent::recorded(recorded, &self.generations);
            if !self.take(event).await? {
                return Ok(());
            }
            contiguous += 1;
        }
        if contiguous < page.len() as u64 || page.is_empty() {
            let reason = "the journal has no event at this position, but some behind it: events were lost (I2)";
            self.progress.acknowledge(Ack::Poisoned {
                shard,
                position: after + 1 + contiguous,
                reason: reason.to_owned(),
            });
            return Ok(());
        }
        self.progress.queue(shard);
        Ok(())
    }

    /// Has the projection forget the shards that were released or reset.
    fn forget(&mut self) {
        for shard in self.progress.drain_forgotten() {
            self.projection.forget(shard);
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
