//! Reading and setting the cursors of projections for operators, with or without a node on the
//! database.

mod error;

use std::collections::BTreeMap;

use fritzy_domain::{Cursor, Generations, Position, TopicBinding};
use fritzy_types::{ShardId, StorageError, Timestamp};
use uuid::Uuid;

use crate::adoption::TopicAdoption;
use crate::read_ports::{CursorTable, EventSource};

pub use error::CursorAdminError;

/// Positions in one read: the limit of [`EventSource::at`].
const POSITIONS_MAX: usize = 1_000;

/// How far a projection is in one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardLag {
    /// The position of the last event handled, and whether the projection has stopped.
    pub cursor: Cursor,
    /// The position of the shard's last event, 0 where there is none.
    pub head: Position,
    /// When the first event after the cursor was decided; `None` if there is none, or if it cannot
    /// be read.
    pub oldest: Option<Timestamp>,
}

/// What a projection has handled of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The position of the last event handled; 0 for none.
    pub cursor: Position,
    /// The position of the shard's last event.
    pub head: Position,
}

/// The position that a cursor is reset to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetPosition {
    /// Before the first event: the projection reads everything again.
    Start,
    /// After the last event: the projection skips everything there is.
    Now,
    /// After the event at this position.
    Position(Position),
}

/// The projection cursors of one database.
pub struct CursorAdmin {
    source: Box<dyn EventSource>,
    table: Box<dyn CursorTable>,
}

impl CursorAdmin {
    /// The cursors of `table`, compared with the journal in `source`.
    pub(crate) const fn new(source: Box<dyn EventSource>, table: Box<dyn CursorTable>) -> Self {
        Self { source, table }
    }

    /// Closes the two connections, for the cursors and for the journal.
    pub async fn close(self) {
        self.table.close().await;
        self.source.close().await;
    }

    /// The lag of each projection, by its name, in each of its shards.
    ///
    /// # Errors
    /// [`CursorAdminError::Store`] when a read fails.
    pub async fn status(&mut self) -> Result<BTreeMap<String, Vec<ShardLag>>, CursorAdminError> {
        let cursors = self.table.all().await?;
        let heads = self.source.heads().await?;
        let head = |cursor: &Cursor| heads.get(&cursor.shard).copied().unwrap_or_default();
        let late = cursors
            .iter()
            .filter(|(_, cursor)| cursor.position < head(cursor))
            .map(|(_, cursor)| (cursor.shard, cursor.position + 1));
        let late: Vec<(ShardId, Position)> = late.collect();
        let mut oldest = BTreeMap::new();
        for positions in late.chunks(POSITIONS_MAX) {
            match self.source.at(positions).await {
                Ok(events) => oldest.extend(events.into_iter().map(|event| {
                    let key = (event.shard, event.position);
                    (key, event.event.at())
                })),
                // The projection has stopped before an event that cannot be read, and its cursor
                // says so.
                Err(StorageError::Unreadable(_)) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        let mut projections: BTreeMap<String, Vec<ShardLag>> = BTreeMap::new();
        for (name, cursor) in cursors {
            let lag = ShardLag {
                head: head(&cursor),
                oldest: oldest.get(&(cursor.shard, cursor.position + 1)).copied(),
                cursor,
            };
            projections.entry(name).or_default().push(lag);
        }
        Ok(projections)
    }

    /// Skips the event that a projection has stopped before. Returns the position of that event.
    ///
    /// # Errors
    /// [`CursorAdminError::NoCursor`] when the projection has no cursor there,
    /// [`CursorAdminError::NotStopped`] when it has not stopped, [`CursorAdminError::Store`] when a
    /// read or the write fails.
    pub async fn skip(
        &mut self,
        projection: &str,
        shard: ShardId,
    ) -> Result<Position, CursorAdminError> {
        let cursor = self.cursor(projection, shard).await?;
        let not_stopped = || CursorAdminError::NotStopped {
            projection: projection.to_owned(),
            shard,
        };
        if cursor.stopped.is_none() {
            return Err(not_stopped());
        }
        let skipped = cursor.position + 1;
        let set = self.table.set(projection, &cursor, skipped).await?;
        if set { Ok(skipped) } else { Err(not_stopped()) }
    }

    /// Sets the cursor of a shard. Returns its new position.
    ///
    /// # Errors
    /// [`CursorAdminError::NoCursor`] when the projection has no cursor there,
    /// [`CursorAdminError::Beyond`] when the position is after the last event,
    /// [`CursorAdminError::Store`] when a read or the write fails.
    pub async fn reset(
        &mut self,
        projection: &str,
        shard: ShardId,
        to: ResetPosition,
    ) -> Result<Position, CursorAdminError> {
        loop {
            let cursor = self.cursor(projection, shard).await?;
            let heads = self.source.heads().await?;
            let head = heads.get(&shard).copied().unwrap_or_default();
            let position = match to {
                ResetPosition::Start => 0,
                ResetPosition::Now => head,
                ResetPosition::Position(position) if position > head => {
                    return Err(CursorAdminError::Beyond {
                        shard,
                        head,
                        position,
                    });
                }
                ResetPosition::Position(position) => position,
            };
            // A running projection advances it once a second; then this starts again from the new
            // position.
            if self.table.set(projection, &cursor, position).await? {
                return Ok(position);
            }
        }
    }

    /// The generations of the database.
    ///
    /// # Errors
    /// [`CursorAdminError::Store`] when the read fails.
    pub async fn generations(&mut self) -> Result<Generations, CursorAdminError> {
        Ok(self.table.generations().await?)
    }

    /// Where the database is, as
    /// [`TopicBindings::location`](fritzy_domain::TopicBindings::location) has it.
    ///
    /// # Errors
    /// [`CursorAdminError::Store`] when the read fails.
    pub async fn location(&mut self) -> Result<String, CursorAdminError> {
        Ok(self.table.location().await?)
    }

    /// The binding to the topics with this id; `None` if the database has never filled them.
    ///
    /// # Errors
    /// [`CursorAdminError::Store`] when the read fails.
    pub async fn topic_binding(
        &mut self,
        topics: Uuid,
    ) -> Result<Option<TopicBinding>, CursorAdminError> {
        Ok(self.table.topic_binding(topics).await?)
    }

    /// What a projection has handled in each shard that has events, by its cursors.
    ///
    /// # Errors
    /// [`CursorAdminError::Store`] when a read fails.
    pub async fn published(
        &mut self,
        projection: &str,
    ) -> Result<BTreeMap<ShardId, Published>, CursorAdminError> {
        let cursors = self.table.all().await?;
        let of_it = cursors.iter().filter(|(name, _)| name == projection);
        let cursors: BTreeMap<ShardId, Position> = of_it
            .map(|(_, cursor)| (cursor.shard, cursor.position))
            .collect();
        let heads = self.source.heads().await?;
        let published = heads.into_iter().map(|(shard, head)| {
            let cursor = cursors.get(&shard).copied().unwrap_or_default();
            (shard, Published { cursor, head })
        });
        Ok(published.collect())
    }

    /// Begins a new generation that fills the topics of an adoption. Running nodes notice it and
    /// start over. Returns `false` if the database has changed since the adoption was prepared.
    ///
    /// # Errors
    /// [`CursorAdminError::Store`] when the write fails.
    pub async fn adopt_topics(
        &mut self,
        adoption: &TopicAdoption,
    ) -> Result<bool, CursorAdminError> {
        Ok(self.table.adopt(adoption).await?)
    }

    async fn cursor(
        &mut self,
        projection: &str,
        shard: ShardId,
    ) -> Result<Cursor, CursorAdminError> {
        let all = self.table.all().await?;
        let found = all
            .into_iter()
            .find(|(name, cursor)| name == projection && cursor.shard == shard);
        found
            .map(|(_, cursor)| cursor)
            .ok_or_else(|| CursorAdminError::NoCursor {
                projection: projection.to_owned(),
                shard,
            })
    }
}
