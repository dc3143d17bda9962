//! The router: from a shard to its owner, wherever that is. Callers never know where an entity lives.

use std::future::Future;
use std::sync::Arc;

use fritzy_domain::{Deadline, NodeId, ShardId, Slot};

use crate::{Failure, ShardMap};

/// Why a host has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused<R> {
    /// The shard does not run here, or not any more. The request was not begun, and is given back.
    NotHere(R),
    /// Anything else.
    Failed(Failure),
}

/// What runs the shards that a node owns.
pub trait ShardHost: Send + Sync + 'static {
    /// What a shard can be asked.
    type Request: Send;
    /// What it answers.
    type Reply: Send;

    /// Asks one of this node's shards. Returns by the deadline.
    fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Reply, Refused<Self::Request>>> + Send;
}

/// A router on one node.
#[derive(Debug)]
pub struct Router<H> {
    me: NodeId,
    map: Arc<ShardMap>,
    local: H,
}

impl<H: ShardHost> Router<H> {
    /// A router of node `me`, whose own shards `local` runs.
    pub const fn new(me: NodeId, map: Arc<ShardMap>, local: H) -> Self {
        Self { me, map, local }
    }

    /// What runs this node's own shards.
    pub const fn local(&self) -> &H {
        &self.local
    }

    /// The shard of a routing key.
    pub fn shard_of(&self, slot: Slot) -> ShardId {
        self.map.shard_of(slot)
    }

    /// Asks the owner of `shard`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] while the shard has no owner within reach; otherwise what the owner
    /// answers.
    pub async fn ask(
        &self,
        shard: ShardId,
        deadline: Deadline,
        request: H::Request,
    ) -> Result<H::Reply, Failure> {
        match self.map.owner(shard) {
            Some(owner) if owner == self.me => {
                let asked = self.local.ask(shard, deadline, request).await;
                asked.map_err(|refused| match refused {
                    Refused::NotHere(_) => {
                        Failure::Unavailable(format!("shard {shard} is not running"))
                    }
                    Refused::Failed(failure) => failure,
                })
            }
            Some(owner) => Err(Failure::Unavailable(format!(
                "shard {shard} is on node {owner}"
            ))),
            None => Err(Failure::Unavailable(format!("shard {shard} has no owner"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use fritzy_domain::{Epoch, ShardCount, ShardLease};
    use uuid::Uuid;

    use super::*;

    struct Echo;

    impl ShardHost for Echo {
        type Request = u8;
        type Reply = (ShardId, u8);

        async fn ask(
            &self,
            shard: ShardId,
            _deadline: Deadline,
            request: u8,
        ) -> Result<(ShardId, u8), Refused<u8>> {
            Ok((shard, request))
        }
    }

    #[tokio::test]
    async fn requests_go_to_the_owner_and_nowhere_else() {
        let node = |number| NodeId::from_uuid(Uuid::from_u128(number));
        let map = Arc::new(ShardMap::new(ShardCount::new(8).expect("in range")));
        let router = Router::new(node(1), map.clone(), Echo);
        let shard = router.shard_of(Slot(13));
        assert_eq!(shard, ShardId(5));
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(1));

        let unowned = router.ask(shard, deadline, 7).await;
        assert!(
            matches!(unowned, Err(Failure::Unavailable(_))),
            "{unowned:?}"
        );
        let lease = |owner, epoch| ShardLease {
            shard,
            owner: node(owner),
            epoch: Epoch(epoch),
        };
        map.record(&[lease(1, 1)]);
        assert_eq!(router.ask(shard, deadline, 7).await, Ok((shard, 7)));
        map.record(&[lease(2, 2)]);
        let elsewhere = router.ask(shard, deadline, 7).await;
        assert!(
            matches!(elsewhere, Err(Failure::Unavailable(_))),
            "{elsewhere:?}"
        );
    }
}
