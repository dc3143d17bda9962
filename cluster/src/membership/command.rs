//! The commands of a [`Member`](crate::Member) to the task that runs its membership.

use tokio::sync::oneshot;

/// A command, and the channel on which its result is sent.
pub(crate) enum MemberCommand {
    /// Hand off all shards; replies once that is done.
    Drain(oneshot::Sender<()>),
    /// Move shards to their assigned nodes now, here and on all connected nodes; replies with the
    /// number of nodes notified.
    Rebalance(oneshot::Sender<usize>),
    /// Leave the cluster; replies once nothing runs here any more.
    Leave(oneshot::Sender<()>),
}
