//! Two shops on one set of in-memory stores, like two nodes of a cluster, with shards moving
//! between them.

use std::sync::Arc;

use fritzy_actors::{Shop, ShopConfig};
use fritzy_cluster::{LocalLease, ShardMap};
use fritzy_persistence::{CommitterConfig, MemoryConfig, Stores};
use fritzy_types::{NodeId, ShardCount, ShardId};
use uuid::Uuid;

use crate::faults::{Faults, FaultyJournal, SlowReads};

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) shop: Arc<Shop>,
    /// Holds until the test ends it.
    pub(crate) lease: LocalLease,
}

pub(crate) struct TwoNodes {
    pub(crate) stores: Stores,
    pub(crate) faults: Arc<Faults>,
    pub(crate) map: Arc<ShardMap>,
    pub(crate) nodes: [Node; 2],
}

impl TwoNodes {
    /// The first node owns all shards.
    pub(crate) async fn new(shards: u16, config: ShopConfig) -> Self {
        let shards = ShardCount::new(shards).expect("in range");
        let stores = Stores::in_memory(MemoryConfig {
            shards,
            committer: CommitterConfig::default(),
        });
        let faults = Arc::new(Faults::default());
        let map = Arc::new(ShardMap::new(shards));
        let node = async || {
            let journal = FaultyJournal {
                inner: stores.journal.clone(),
                faults: faults.clone(),
            };
            let reads = SlowReads {
                inner: stores.read_model.clone(),
                faults: faults.clone(),
            };
            let (id, lease) = (NodeId::from_uuid(Uuid::now_v7()), LocalLease::unlimited());
            let (journal, reads) = (journal.into_journal(), Arc::new(reads));
            let shop = Shop::empty(config, map.clone(), lease.clone(), journal, reads);
            let shop = Arc::new(shop.await.expect("starts"));
            assert_eq!(shop.shards_running(), 0);
            Node { id, shop, lease }
        };
        let nodes = [node().await, node().await];
        let two = Self {
            stores,
            faults,
            map,
            nodes,
        };
        two.claim(0, &two.shards()).await;
        two
    }

    pub(crate) fn shards(&self) -> Vec<ShardId> {
        self.stores.ownership.shard_count().all().collect()
    }

    /// Claims these shards for a node, whichever node owns them, and starts them there.
    pub(crate) async fn claim(&self, node: usize, shards: &[ShardId]) {
        let Node { id, shop, .. } = &self.nodes[node];
        let leases = self.stores.ownership.claim(*id, shards).await;
        let leases = leases.expect("claimed");
        shop.start_shards(&leases).await.expect("started");
        self.map.record(&leases);
    }

    /// Index of the node that owns a shard.
    pub(crate) fn owner(&self, shard: ShardId) -> usize {
        let (owner, _) = self.map.owner(shard);
        let is_owner = |node: &Node| Some(node.id) == owner;
        self.nodes
            .iter()
            .position(is_owner)
            .expect("every shard has an owner")
    }
}
