//! Checks a database against the invariants, row by row, whichever store it is in.
//!
//! The rows come from a [`source::Source`], in order and in pages, so memory stays bounded however
//! long the journal is. What they mean is decided here and in the domain; there is no SQL.

mod check;
mod entity;
mod findings;
mod lines;
mod list_rows;
mod location;
mod merge;
mod progress;
mod report;
mod shards;
mod source;
mod states;
mod totals;
mod uniqueness;
mod violation;

pub(crate) use check::check;
pub use location::Location;
pub use progress::VerifyProgress;
pub use report::{Checked, VerifyReport};
pub(crate) use source::{
    DuplicateRow, Each, EventKey, EventRow, LineRow, ListedTo, SchemaDifference, ShardRow,
    SharedReferenceRow, Source, SourceError, StateRow, TotalRow, Value, columns,
};
pub use violation::{Violation, ViolationKind};
