//! The cursors of projections, as people see and set them: with or without a node on the database.

mod error;

use std::collections::BTreeMap;

use fritzy_domain::{Cursor, Position};
use fritzy_types::{ShardId, StorageError, Timestamp};

use crate::read_ports::{CursorTable, EventSource};

pub use error::CursorAdminError;

/// Places in one read.
const POSITIONS_MAX: usize = 1_000;

/// A projection in one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardLag {
    /// Where it stands.
    pub cursor: Cursor,
    /// The last position there is.
    pub head: Position,
    /// When the first event behind the cursor was decided, if there is one that can be read.
    pub oldest: Option<Timestamp>,
}

/// Where a cursor is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetPosition {
    /// Before the first event.
    Start,
    /// Behind the last.
    Now,
    /// Behind this one.
    Position(Position),
}

/// The cursors of a database.
pub struct CursorAdmin {
    source: Box<dyn EventSource>,
    table: Box<dyn CursorTable>,
}

impl CursorAdmin {
    /// The cursors of `table`, compared with the journal in `source`.
    pub(crate) const fn new(source: Box<dyn EventSource>, table: Box<dyn CursorTable>) -> Self {
        Self { source, table }
    }

    /// Closes the database.
    pub async fn close(self) {
        self.table.close().await;
        self.source.close().await;
    }

    /// Each projection with its shards.
    ///
    /// # Errors
    /// [`CursorAdminError`]
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
                // The one that cannot be read is told by its projection, which has stopped before it.
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

    /// Leaves out the event that a projection has stopped before, and answers its position.
    ///
    /// # Errors
    /// [`CursorAdminError`]
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

    /// Sets the cursor of a shard, and answers where it stands.
    ///
    /// # Errors
    /// [`CursorAdminError`]
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
            // A running projection moves it on once a second: again from what it says then.
            if self.table.set(projection, &cursor, position).await? {
                return Ok(position);
            }
        }
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
