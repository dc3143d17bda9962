//! What all incarnations of one member share.

use std::sync::Arc;

use fritzy_types::Membership;
use tokio::sync::watch;

use crate::membership::config::MemberConfig;
use crate::membership::heartbeat::Heartbeats;
use crate::membership::lease::LocalLease;
use crate::membership::shard_lifecycle::ShardLifecycle;
use crate::membership::status::MemberStatus;
use crate::routing::router::Router;

/// The parts that a member is made of, as they are handed to each incarnation.
pub(crate) struct MemberContext<H> {
    pub(crate) config: MemberConfig,
    pub(crate) membership: Arc<dyn Membership>,
    pub(crate) router: Arc<Router<H>>,
    pub(crate) shards: Arc<dyn ShardLifecycle>,
    pub(crate) lease: LocalLease,
    pub(crate) heartbeats: Heartbeats,
    pub(crate) status: watch::Sender<MemberStatus>,
}
