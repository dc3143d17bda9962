//! Joining a cluster: shards and their projections start and stop as the membership decides.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_cluster::{LocalLease, Member, MemberConfig, MemberError, Router, ShardLifecycle};
use fritzy_projections::Projections;
use fritzy_types::{Failure, Membership, ShardId, ShardLease};

use crate::local_shards::LocalShards;

/// Joins the cluster with the shards behind `router`; see [`crate::Shop::join`].
pub(crate) async fn join(
    router: Arc<Router<LocalShards>>,
    config: MemberConfig,
    membership: Arc<dyn Membership>,
    projections: Arc<Projections>,
    lease: LocalLease,
) -> Result<Member, MemberError> {
    let lifecycle = Arc::new(ShardsAndProjections {
        local: router.local().clone(),
        projections: config.roles.projections.then_some(projections),
    });
    Member::start(config, membership, router, lifecycle, lease).await
}

struct ShardsAndProjections {
    local: Arc<LocalShards>,
    /// `None` on nodes without the role.
    projections: Option<Arc<Projections>>,
}

#[async_trait]
impl ShardLifecycle for ShardsAndProjections {
    async fn start(&self, leases: &[ShardLease]) -> Result<(), Failure> {
        self.local.start_shards(leases).await?;
        if let Some(projections) = &self.projections {
            projections.assign(leases);
        }
        Ok(())
    }

    async fn stop(&self, shards: &[ShardId]) {
        self.local.stop_shards(shards).await;
        if let Some(projections) = &self.projections {
            projections.release(shards).await;
        }
    }

    async fn abandon(&self) {
        // Projections first: their effects are visible outside of the cluster.
        if let Some(projections) = &self.projections {
            projections.abandon();
        }
        self.local.abandon().await;
    }
}
