//! The ports: what the core needs from the world, as traits. Every implementation of one passes the
//! same conformance suite.

mod copies;
mod journal;
mod product_index;
mod projections;
mod read_model;
mod room;

pub use copies::{Consistency, ConsistencyToken, InvalidToken, PrimaryOnly, ReadReplicas};
pub use journal::{
    Append, AppendError, AppendOutcome, Appending, CommandRecord, Journal, JournalReader,
    JournalWriter, Position, RecordedEvent, Version,
};
pub use product_index::{ProductIndex, ProductQuery, SearchError};
pub use projections::{CommitFeed, Committed, Cursor, CursorMove, Cursors, FeedItem};
pub use read_model::{KeysetPage, Page, ReadModel, SortKey, Stored};
pub use room::{HeapSize, MemoryBudget, UnlimitedBudget};
