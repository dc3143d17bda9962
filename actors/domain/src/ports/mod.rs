//! The ports: traits for what the domain needs from outside. All implementations of a port pass the
//! same conformance suite.

mod append;
mod commit_feed;
mod cursors;
mod generations;
mod heap_size;
mod journal;
mod list_counts;
mod memory_budget;
mod order_lists;
mod pages;
mod product_index;
mod read_model;
mod read_replicas;
mod topic_bindings;

pub use append::{Append, AppendError, AppendOutcome, Appending};
pub use commit_feed::{CommitFeed, Committed, FeedItem};
pub use cursors::{Cursor, CursorMove, Cursors};
pub use generations::{Generation, GenerationStart, Generations};
pub use heap_size::HeapSize;
pub use journal::{CommandRecord, Journal, JournalReader, JournalWriter, RecordedEvent};
pub use list_counts::{COUNTED_MAX, ListCounts, RowCount};
pub use memory_budget::{MemoryBudget, UnlimitedBudget};
pub use order_lists::{
    LOOKED_AT_MAX, OrderFilter, OrderInterval, OrderKey, OrderListPage, OrderLists, OrderSlice,
    OrderSort, OrderTimes, TotalKey, TotalRange,
};
pub use pages::{KeysetPage, Page, SortKey, Stored};
pub use product_index::{ProductIndex, ProductQuery, SearchError};
pub use read_model::ReadModel;
pub use read_replicas::{Consistency, ConsistencyToken, InvalidToken, PrimaryOnly, ReadReplicas};
pub use topic_bindings::{TopicBinding, TopicBindings};
