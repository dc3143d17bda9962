//! The committer: takes all queued appends, writes them in one transaction, then replies to each.
//! It has no timer: while one batch is being synced the next one fills, so batches grow with the
//! load.

mod batch_builder;
mod batch_store;
mod command;
mod commit_feeds;
mod handle;
mod metrics;
mod step_clock;
mod task;

pub(crate) use batch_store::{
    BatchError, BatchStore, Sequenced, TakenReference, creation_key, leases,
};
pub(crate) use handle::Committer;
pub use handle::CommitterConfig;
pub(crate) use step_clock::StepClock;
