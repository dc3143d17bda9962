//! A projection while it works: what is done, a second's housekeeping, what is fed, and pages of the journal, in turn.

use std::future::ready;
use std::time::Duration;

use fritzy_domain::{CommitFeed, Committed, FeedItem};
use fritzy_types::StorageError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep};

use crate::progress::Progress;
use crate::runner::{Ended, asked};
use crate::shard_progress::Books;
use crate::{Ack, ProjectedEvent, Projection, ProjectionError};

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
    /// Shards have come or gone.
    Moved,
    /// Something is done.
    Ack(Result<Ack, ProjectionError>),
    /// A second has passed.
    House,
    /// Something was committed.
    FeedItem(FeedItem),
    /// There is something to read.
    Page,
}

/// A projection while it works.
pub(super) struct Running<'r> {
    projection: Box<dyn Projection>,
    feed: Box<dyn CommitFeed>,
    pub(super) books: Books<'r>,
}

impl<'r> Running<'r> {
    pub(super) fn new(
        projection: Box<dyn Projection>,
        feed: Box<dyn CommitFeed>,
        books: Books<'r>,
    ) -> Self {
        Self {
            projection,
            feed,
            books,
        }
    }

    /// Works until it is told to stop, or cannot.
    pub(super) async fn go_on(&mut self) -> Ended {
        let mut stop = self.books.runner.stop.clone();
        let mut saving = every(SAVE_EVERY);
        // What a first start settles is settled: a projection that begins now never begins earlier.
        if let Err(failure) = self.books.save().await {
            return failure.into();
        }
        loop {
            let turn = tokio::select! {
                biased;
                () = asked(&mut stop) => {
                    self.hear_what_is_done().await;
                    return Ended::Stopped;
                }
                () = self.books.moved() => Turn::Moved,
                done = self.projection.done() => Turn::Ack(done),
                _ = saving.tick() => Turn::House,
                fed = self.feed.next() => Turn::FeedItem(fed),
                () = ready(()), if !self.books.behind.is_empty() => Turn::Page,
            };
            let worked = match turn {
                Turn::Moved => self.follow().await,
                Turn::Ack(Ok(done)) => {
                    self.books.done(done);
                    Ok(())
                }
                Turn::Ack(Err(broken)) => Err(broken.into()),
                Turn::House => self.keep_house().await,
                Turn::FeedItem(fed) => self.fed(fed).await,
                Turn::Page => self.read_page().await,
            };
            if let Err(ended) = worked {
                // What was found out before it broke would have to be found out again.
                self.hear_what_is_done().await;
                return ended;
            }
        }
    }

    /// Goes after what is owned: what is done already counts for the cursors that are saved.
    async fn follow(&mut self) -> Result<(), Ended> {
        self.hear_what_is_done().await;
        self.books.follow().await?;
        self.forget();
        Ok(())
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
                Ok(done) => self.books.done(done),
                Err(_) => return,
            }
        }
    }

    async fn fed(&mut self, fed: FeedItem) -> Result<(), Ended> {
        match fed {
            FeedItem::Batch(batch) => {
                for committed in &*batch {
                    self.fed_one(committed).await?;
                }
                Ok(())
            }
            FeedItem::Lagged => Ok(self.books.look().await?),
            FeedItem::Closed => Err(Ended::Stopped),
        }
    }

    async fn fed_one(&mut self, committed: &Committed) -> Result<(), Ended> {
        let Committed { append, positions } = committed;
        let shard = append.lease.shard;
        let Some(progress) = self.books.shards.get_mut(&shard) else {
            return Ok(());
        };
        let events = append.events.len() as u64;
        progress.grown_to(positions.first + events - 1);
        if progress.next() != positions.first || !progress.is_behind() || progress.queued {
            self.books.queue(shard);
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
            if !self.take(event).await? {
                break;
            }
        }
        Ok(())
    }

    /// Hands an event over. While there is no room for it, which may be for hours, it goes on to tell how far it is behind,
    /// and goes after what is owned. Answers whether the shard is still followed as it was.
    async fn take(&mut self, event: ProjectedEvent<'_>) -> Result<bool, Ended> {
        let Self {
            projection, books, ..
        } = self;
        let mut taking = projection.take(event);
        loop {
            tokio::select! {
                biased;
                taken = &mut taking => {
                    taken?;
                    break;
                }
                () = books.moved() => {
                    books.follow().await?;
                    continue;
                }
                () = sleep(SAVE_EVERY) => {}
            }
            if books.looked.elapsed() >= LOOK_WAITING_EVERY
                && let Ok(heads) = books.runner.journal.heads().await
            {
                books.looked = Instant::now();
                books.grow(heads);
            }
            books.tell();
        }
        drop(taking);
        // It may have come back meanwhile: even so, this event is one of those that are forgotten.
        let was_left = books.forgotten.contains(&event.shard);
        if !was_left && let Some(progress) = books.shards.get_mut(&event.shard) {
            progress.taken(event.event.at());
        }
        self.forget();
        Ok(!was_left)
    }

    /// Reads what follows in the shard whose turn it is.
    async fn read_page(&mut self) -> Result<(), Ended> {
        let Some(shard) = self.books.behind.pop_front() else {
            return Ok(());
        };
        let progress = self.books.shards.get_mut(&shard);
        let progress = progress.expect("only those that are followed are queued");
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
        let page = match self
            .books
            .runner
            .journal
            .read_shard(shard, after, limit)
            .await
        {
            Ok(page) => page,
            Err(StorageError::Unreadable(_)) if limit > 1 => {
                progress.page = 1;
                self.books.queue(shard);
                return Ok(());
            }
            Err(StorageError::Unreadable(reason)) => {
                let position = progress.next();
                self.books.done(Ack::Poisoned {
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
            if !self.take(recorded.into()).await? {
                return Ok(());
            }
            in_a_row += 1;
        }
        if in_a_row < page.len() as u64 || page.is_empty() {
            let position = after + 1 + in_a_row;
            let reason = "the journal has no such event, and some behind it: events were lost (I2)";
            self.books.done(Ack::Poisoned {
                shard,
                position,
                reason: reason.to_owned(),
            });
            return Ok(());
        }
        self.books.queue(shard);
        Ok(())
    }

    async fn keep_house(&mut self) -> Result<(), Ended> {
        let books = &mut self.books;
        books.save().await?;
        let stopped = books.shards.values().any(Progress::is_stopped);
        if stopped || books.reload || books.reloaded.elapsed() >= RELOAD_EVERY {
            books.reload().await?;
        }
        if books.looked.elapsed() >= LOOK_EVERY {
            books.look().await?;
        }
        books.tell();
        self.forget();
        Ok(())
    }

    /// Has the projection forget what it is to forget.
    fn forget(&mut self) {
        for shard in self.books.forgotten.drain(..) {
            self.projection.forget(shard);
        }
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
