//! The handle of a node's membership: the node joins, acquires and releases shards as the nodes
//! change, and leaves.

use std::sync::Arc;

use fritzy_types::Membership;
use tokio::sync::{mpsc, oneshot, watch};

use crate::membership::command::MemberCommand;
use crate::membership::config::MemberConfig;
use crate::membership::context::MemberContext;
use crate::membership::error::MemberError;
use crate::membership::heartbeat::Heartbeats;
use crate::membership::join::join;
use crate::membership::lease::LocalLease;
use crate::membership::run::run_incarnations;
use crate::membership::shard_lifecycle::ShardLifecycle;
use crate::membership::status::MemberStatus;
use crate::routing::host::ShardHost;
use crate::routing::router::Router;

/// A node that is a member of a cluster.
pub struct Member {
    commands: mpsc::Sender<MemberCommand>,
    status: watch::Receiver<MemberStatus>,
}

impl Member {
    /// Joins the cluster. When this returns, the node is in the node table and acquires the shards
    /// assigned to it. A node that is fenced later stops all shards at once, and joins again under
    /// a new id.
    ///
    /// # Errors
    /// [`MemberError`] when the name is taken, the advertised address does not lead here, another
    /// node rejects this one, the node table is unavailable, or the machine refuses a thread or a
    /// socket.
    pub async fn start<H: ShardHost>(
        config: MemberConfig,
        membership: Arc<dyn Membership>,
        router: Arc<Router<H>>,
        shards: Arc<dyn ShardLifecycle>,
        lease: LocalLease,
    ) -> Result<Self, MemberError> {
        let (status, published) = watch::channel(MemberStatus::default());
        let (commands, received) = mpsc::channel(16);
        let heartbeats =
            Heartbeats::start(membership.clone(), lease.clone(), config.stalled.clone());
        let heartbeats = heartbeats.map_err(|failure| MemberError::Machine(failure.to_string()))?;
        let context = MemberContext {
            config,
            membership,
            router,
            shards,
            lease,
            heartbeats,
            status,
        };
        context.router.expect_others();
        let first = join(&context).await?;
        tokio::spawn(run_incarnations(context, first, received));
        Ok(Self {
            commands,
            status: published,
        })
    }

    /// What is known of the cluster, now.
    pub fn status(&self) -> MemberStatus {
        self.status.borrow().clone()
    }

    /// A receiver of [`Self::status`], which is notified of each change.
    pub fn watch(&self) -> watch::Receiver<MemberStatus> {
        self.status.clone()
    }

    /// Hands off all shards. Returns when that is done, or when no other node can own shards.
    pub async fn drain(&self) {
        self.command(MemberCommand::Drain).await;
    }

    /// Moves shards to their assigned nodes now, on all nodes: each hands off its own. Returns how
    /// many nodes were notified, this one included. A node that is not connected is not notified;
    /// it moves its shards once the set of nodes has been unchanged for
    /// [`STABLE_FOR`](crate::STABLE_FOR).
    pub async fn rebalance_all(&self) -> usize {
        let (reply, notified) = oneshot::channel();
        // Errors mean that this node is currently no member.
        match self.commands.send(MemberCommand::Rebalance(reply)).await {
            Ok(()) => notified.await.unwrap_or(0),
            Err(_) => 0,
        }
    }

    /// Stops what still runs, and removes this node from the node table.
    pub async fn leave(&self) {
        self.command(MemberCommand::Leave).await;
    }

    async fn command(&self, command: fn(oneshot::Sender<()>) -> MemberCommand) {
        let (reply, done) = oneshot::channel();
        if self.commands.send(command(reply)).await.is_ok() {
            // An error means that the member has ended.
            let _ = done.await;
        }
    }
}
