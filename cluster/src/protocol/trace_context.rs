//! The trace that the current task is a part of. Requests to other nodes carry it along.

use crate::protocol::frame::Trace;

tokio::task_local! {
    static CURRENT: Option<Trace>;
}

/// Runs `work` as a part of `trace`.
pub async fn within<T>(trace: Option<Trace>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(trace, work).await
}

/// The trace of the current task, if it has one.
pub fn current() -> Option<Trace> {
    CURRENT.try_with(|trace| *trace).ok().flatten()
}
