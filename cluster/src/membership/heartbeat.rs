//! Heartbeats: this node renews its membership each second, on a thread of its own. A busy runtime
//! must not cost a node its shards; one that stands still must.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use fritzy_types::{Membership, NodeId};
use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use crate::membership::lease::{BootTime, LocalLease};
use crate::membership::progress::{Progress, StallCheck};
use crate::transport::handshake::Identity;

/// The pause after a heartbeat that succeeded.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// After a heartbeat that failed.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// The state of one incarnation's membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MembershipState {
    /// A member, with the time of its last heartbeat; `None` before the first one.
    Member(Option<Instant>),
    /// The node was fenced.
    Fenced,
}

/// An incarnation that sends heartbeats, the address at which it accepts other nodes, and where its
/// state is published.
type Incarnation = (Identity, String, watch::Sender<MembershipState>);

/// The thread that sends the heartbeats of this node's incarnations, one after the other.
pub(crate) struct Heartbeats {
    incarnations: mpsc::UnboundedSender<Incarnation>,
    /// Shows that the runtime of the node works.
    _ticking: AbortOnDropHandle<()>,
}

impl Heartbeats {
    /// Starts the thread. It ends once this handle is dropped and the current incarnation has
    /// ended.
    pub(crate) fn start(
        membership: Arc<dyn Membership>,
        lease: LocalLease,
        others: StallCheck,
    ) -> io::Result<Self> {
        let progress = Progress::new(others);
        let ticking = progress.tick();
        let (sender, mut incarnations) = mpsc::unbounded_channel::<Incarnation>();
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let sending = async move {
            while let Some((identity, address, state)) = incarnations.recv().await {
                let me = identity.me;
                tokio::select! {
                    () = send_heartbeats(membership.as_ref(), me, &lease, &progress, &state) => {}
                    () = progress.ping(&identity, &address) => {}
                }
            }
        };
        thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || runtime.block_on(sending))?;
        Ok(Self {
            incarnations: sender,
            _ticking: ticking,
        })
    }

    /// Sends heartbeats for an incarnation from now on, until it is fenced or the receiver is
    /// dropped. It accepts other nodes at `address`.
    pub(crate) fn start_for(
        &self,
        identity: Identity,
        address: String,
    ) -> watch::Receiver<MembershipState> {
        let (sender, state) = watch::channel(MembershipState::Member(None));
        // Should the thread have died, the dropped sender ends the incarnation.
        let _ = self.incarnations.send((identity, address, sender));
        state
    }
}

async fn send_heartbeats(
    membership: &dyn Membership,
    me: NodeId,
    lease: &LocalLease,
    progress: &Progress,
    state: &watch::Sender<MembershipState>,
) {
    let mut failing = false;
    let mut stalled = false;
    while !state.is_closed() {
        let sent = BootTime::now();
        if let Some(reason) = progress.stalled(sent) {
            if !stalled {
                error!(
                    reason,
                    "this node makes no progress; it sends no heartbeat, so that others take its shards"
                );
            }
            stalled = true;
            sleep(RETRY_DELAY).await;
            continue;
        }
        if std::mem::take(&mut stalled) {
            info!("this node makes progress again");
        }
        let delay = match membership.heartbeat(me).await {
            Ok(true) => {
                failing = false;
                lease.renewed(sent);
                state.send_replace(MembershipState::Member(Some(Instant::now())));
                HEARTBEAT_INTERVAL
            }
            Ok(false) => {
                lease.end();
                error!(node = %me, "this node was declared dead by others and has lost its shards");
                state.send_replace(MembershipState::Fenced);
                return;
            }
            Err(failure) => {
                if !failing {
                    warn!(%failure, "the heartbeat could not be written; retrying");
                }
                failing = true;
                RETRY_DELAY
            }
        };
        tokio::select! {
            () = sleep(delay) => {}
            () = state.closed() => {}
        }
    }
}
