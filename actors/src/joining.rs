//! A shop as a member of a cluster: its shards, and what follows them, come and go as the membership has it.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_cluster::{LocalLease, Member, MemberConfig, MemberError, Router, ShardLifecycle};
use fritzy_projections::Projections;
use fritzy_types::{Failure, Membership, ShardId, ShardLease};

use crate::local_shards::LocalShards;
use crate::shop::Shop;

impl Shop {
    /// From now on requests wait for shards that are not here: also for those that come with joining.
    pub fn expect_others(&self) {
        self.router.expect_others();
    }

    /// Joins the cluster. `projections` follow the shards that this node owns; `lease` is the one that the shop was made with.
    ///
    /// # Errors
    /// [`MemberError`], each with what to do.
    pub async fn join(
        &self,
        config: MemberConfig,
        membership: Arc<dyn Membership>,
        projections: Arc<Projections>,
        lease: LocalLease,
    ) -> Result<Member, MemberError> {
        let shards = Arc::new(Shards {
            local: self.router.local().clone(),
            followed: config.roles.projections.then_some(projections),
        });
        Member::start(config, membership, self.router.clone(), shards, lease).await
    }

    /// The way to this shop's shards, wherever they are.
    pub const fn router(&self) -> &Arc<Router<LocalShards>> {
        &self.router
    }
}

struct Shards {
    local: Arc<LocalShards>,
    followed: Option<Arc<Projections>>,
}

#[async_trait]
impl ShardLifecycle for Shards {
    async fn start(&self, leases: &[ShardLease]) -> Result<(), Failure> {
        self.local.start_shards(leases).await?;
        if let Some(projections) = &self.followed {
            projections.assign(leases);
        }
        Ok(())
    }

    async fn stop(&self, shards: &[ShardId]) {
        self.local.stop_shards(shards).await;
        if let Some(projections) = &self.followed {
            projections.release(shards).await;
        }
    }

    async fn abandon(&self) {
        // First what the outside world hears.
        if let Some(projections) = &self.followed {
            projections.abandon();
        }
        self.local.abandon().await;
    }
}
