//! Renewing this node's membership each second, on a thread of its own: a runtime that is busy must not cost a node its shards.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use fritzy_types::{Membership, NodeId};
use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tracing::{error, warn};

use crate::membership::lease::{BootTime, LocalLease};

/// Between two renewals.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// After one that failed.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// How a node's membership stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was renewed then, for the first time or again; `None` before the first time.
    Member(Option<Instant>),
    /// It was fenced.
    Fenced,
}

/// One life to be renewed, and who is told how it stands.
type Renewed = (NodeId, watch::Sender<Standing>);

/// The thread that renews this node's lives, one after the other.
pub(crate) struct Renewals(mpsc::UnboundedSender<Renewed>);

impl Renewals {
    /// Starts it; it ends when this is dropped, and the life it renews.
    pub(crate) fn start(membership: Arc<dyn Membership>, lease: LocalLease) -> io::Result<Self> {
        let (lives, mut begun) = mpsc::unbounded_channel::<Renewed>();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let renewing = async move {
            while let Some((me, tell)) = begun.recv().await {
                renew(membership.as_ref(), me, &lease, &tell).await;
            }
        };
        thread::Builder::new()
            .name("renewing".into())
            .spawn(move || runtime.block_on(renewing))?;
        Ok(Self(lives))
    }

    /// Renews a life from now on, until it is fenced or nobody is interested any more.
    pub(crate) fn begin(&self, me: NodeId) -> watch::Receiver<Standing> {
        let (tell, standing) = watch::channel(Standing::Member(None));
        // Should the thread have died, the dropped sender tells.
        let _ = self.0.send((me, tell));
        standing
    }
}

async fn renew(
    membership: &dyn Membership,
    me: NodeId,
    lease: &LocalLease,
    tell: &watch::Sender<Standing>,
) {
    let mut failing = false;
    while !tell.is_closed() {
        let sent = BootTime::now();
        let after = match membership.heartbeat(me).await {
            Ok(true) => {
                failing = false;
                lease.renewed(sent);
                tell.send_replace(Standing::Member(Some(Instant::now())));
                RENEW_EVERY
            }
            Ok(false) => {
                lease.end();
                error!(node = %me, "this node was taken for dead by others, and has lost its shards");
                tell.send_replace(Standing::Fenced);
                return;
            }
            Err(failure) => {
                if !failing {
                    warn!(%failure, "the membership could not be renewed; trying again");
                }
                failing = true;
                AGAIN_AFTER
            }
        };
        tokio::select! {
            () = sleep(after) => {}
            () = tell.closed() => {}
        }
    }
}
