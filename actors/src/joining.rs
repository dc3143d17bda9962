//! A shop as a member of a cluster: its shards, and what follows them, come and go as the membership has it.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_cluster::measuring::Measured;
use fritzy_cluster::{Failure, LocalLease, Member, MemberConfig, MemberError, ShardLife};
use fritzy_domain::{Membership, ShardId, ShardLease};
use tokio::net::TcpListener;

use crate::local_shards::LocalShards;
use crate::projection::Projections;
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

    /// Answers another node that only asks, for measuring.
    ///
    /// # Errors
    /// What the system says.
    #[doc(hidden)]
    pub async fn measured_owner(&self, listener: TcpListener) -> Result<Measured, String> {
        Measured::owner(&self.router, listener).await
    }

    /// Asks the node at `address` for everything, for measuring.
    ///
    /// # Errors
    /// What the system says, or that it is not reached.
    #[doc(hidden)]
    pub async fn measured_asker(&self, address: String) -> Result<Measured, String> {
        Measured::asker(&self.router, address).await
    }
}

struct Shards {
    local: Arc<LocalShards>,
    followed: Option<Arc<Projections>>,
}

#[async_trait]
impl ShardLife for Shards {
    async fn start(&self, leases: &[ShardLease]) -> Result<(), Failure> {
        self.local.start_shards(leases).await?;
        if let Some(projections) = &self.followed {
            projections.own(leases);
        }
        Ok(())
    }

    async fn stop(&self, shards: &[ShardId]) {
        self.local.stop_shards(shards).await;
        if let Some(projections) = &self.followed {
            projections.disown(shards).await;
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
