//! The ports: what the core needs from the world, as traits. Every implementation of one passes the
//! same conformance suite.

mod copies;
mod journal;
mod product_index;
mod projections;
mod read_model;
mod room;

pub use copies::{ConsistencyToken, Copies, Freshness, NoCopies, NotAToken};
pub use journal::{
    Append, AppendError, Appending, CommandRecord, Journal, Position, Positions, Recorded, Version,
};
pub use product_index::{ProductIndex, ProductQuery, SearchError};
pub use projections::{Committed, Cursor, CursorMove, Cursors, Fed, Feed};
pub use read_model::{ListKey, Page, ReadModel, Slice, Stored};
pub use room::{Footprint, Room, Unbounded};
