//! The ports: what the core needs from the world, as traits. Every implementation of one passes the
//! same conformance suite.

mod journal;
mod memory_budget;
mod product_index;
mod projections;
mod read_model;
mod read_replicas;

pub use journal::{
    Append, AppendError, AppendOutcome, Appending, CommandRecord, Journal, JournalReader,
    JournalWriter, Position, RecordedEvent, Version,
};
pub use memory_budget::{HeapSize, MemoryBudget, UnlimitedBudget};
pub use product_index::{ProductIndex, ProductQuery, SearchError};
pub use projections::{CommitFeed, Committed, Cursor, CursorMove, Cursors, FeedItem};
pub use read_model::{KeysetPage, Page, ReadModel, SortKey, Stored};
pub use read_replicas::{Consistency, ConsistencyToken, InvalidToken, PrimaryOnly, ReadReplicas};
