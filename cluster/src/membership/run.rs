//! One incarnation of a member after another: a fenced node joins again under a new id.

use fritzy_types::ShardId;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{error, info};

use crate::membership::command::MemberCommand;
use crate::membership::context::MemberContext;
use crate::membership::coordinator::{ExitReason, MembershipCoordinator};
use crate::membership::join::{RETRY_DELAY, join};
use crate::membership::status::MemberStatus;
use crate::routing::host::ShardHost;

/// Runs incarnations until the node leaves.
pub(crate) async fn run_incarnations<H: ShardHost>(
    context: MemberContext<H>,
    mut coordinator: MembershipCoordinator<H>,
    mut commands: mpsc::Receiver<MemberCommand>,
) {
    loop {
        let reason = coordinator.run(&mut commands).await;
        end_incarnation(&context, coordinator).await;
        if reason == ExitReason::Left {
            return;
        }
        info!("joining again under a new id");
        coordinator = loop {
            sleep(RETRY_DELAY).await;
            match join(&context).await {
                Ok(coordinator) => break coordinator,
                Err(failure) => error!(%failure, "this node is not a member of its cluster"),
            }
            if let Ok(MemberCommand::Leave(reply)) = commands.try_recv() {
                let _ = reply.send(());
                return;
            }
        };
    }
}

/// Stops all that an incarnation has started. Whether it has left in order or was fenced makes no
/// difference.
async fn end_incarnation<H: ShardHost>(
    context: &MemberContext<H>,
    coordinator: MembershipCoordinator<H>,
) {
    context.lease.end();
    context.router.set_remote(None);
    context.shards.abandon().await;
    coordinator.close().await;
    let all: Vec<ShardId> = context.router.map().count().all().collect();
    context.router.map().forget(&all);
    context.status.send_replace(MemberStatus::default());
}
