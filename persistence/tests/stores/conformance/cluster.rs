//! Several stores on one database, as the nodes of a cluster have them.

use std::time::Duration;

use fritzy_domain::{AppendError, AppendOutcome};
use fritzy_persistence::{
    CommitterConfig, MemoryConfig, PostgresConfig, SharedMemoryStore, Sharing, Stores,
};
use fritzy_types::{
    ClusterState, Membership, NewNode, NodeId, Roles, ShardCount, ShardId, ShardLease,
};

use sqlx::{Connection, PgConnection};

use crate::fixture::{Fixture, node, postgres_config};

/// Enough for two that take them at once to meet.
pub(crate) const SHARDS: u16 = 64;

/// Stores of two nodes.
pub(crate) struct Cluster {
    pub(crate) stores: [Stores; 2],
    /// Where the database is, if it is on a server.
    url: Option<String>,
}

/// A database of the test's own for the nodes of a cluster.
pub(crate) fn cluster_config(test: &str) -> Option<PostgresConfig> {
    Some(PostgresConfig {
        shards: ShardCount::new(SHARDS).expect("in range"),
        sharing: Sharing::Cluster,
        readers: 2,
        ..postgres_config(test)?
    })
}

impl Cluster {
    pub(crate) fn memory() -> Self {
        let memory = SharedMemoryStore::default();
        let config = MemoryConfig {
            shards: ShardCount::new(SHARDS).expect("in range"),
            committer: CommitterConfig::default(),
        };
        let stores = [(); 2].map(|()| Stores::in_shared_memory(config, &memory));
        Self { stores, url: None }
    }

    pub(crate) async fn postgres(test: &str) -> Option<Self> {
        let config = cluster_config(test)?;
        let url = Some(config.url.clone());
        let first = Stores::open_postgres(config.clone()).await.expect("opens");
        let second = Stores::open_postgres(config).await;
        let second = second.expect("opens beside the first");
        Some(Self {
            stores: [first, second],
            url,
        })
    }

    /// To the server, behind the back of the stores.
    pub(crate) async fn connection(&self) -> PgConnection {
        let url = self.url.as_deref().expect("it is on a server");
        PgConnection::connect(url).await.expect("connects")
    }

    /// The table, as the first node's stores show it.
    pub(crate) fn members(&self) -> &dyn Membership {
        self.members_of(0)
    }

    pub(crate) fn members_of(&self, stores: usize) -> &dyn Membership {
        let membership = self.stores[stores].membership.as_deref();
        membership.expect("shared by several nodes")
    }

    /// Adds a node that is named by its number.
    pub(crate) async fn join(&self, number: u128) -> NodeId {
        let new = new_node(number, &format!("node-{number}"));
        self.members().join(&new).await.expect("joins");
        new.id
    }

    pub(crate) async fn version(&self) -> u64 {
        let looked = self.members().read_state(None, &[]).await;
        looked.expect("looks").version
    }

    pub(crate) async fn state(&self) -> ClusterState {
        let looked = self.members().read_state(None, &[]).await.expect("looks");
        looked.state.expect("no version was known")
    }

    pub(crate) async fn fence(&self, id: NodeId, beat: u64) -> bool {
        self.members().fence(id, beat).await.expect("answers")
    }

    /// Takes every shard for `owner` through the stores of that number, each as seen with `seen`.
    pub(crate) async fn take_all(
        &self,
        stores: usize,
        owner: NodeId,
        seen: Option<NodeId>,
    ) -> Vec<ShardLease> {
        let shards: Vec<_> = (0..SHARDS).map(|shard| (ShardId(shard), seen)).collect();
        let taken = self.members_of(stores).acquire(owner, &shards).await;
        taken.expect("takes")
    }

    /// Appends of the node with these leases, through the stores of that number.
    pub(crate) fn shop(&self, stores: usize, leases: Vec<ShardLease>) -> Fixture {
        Fixture::on(self.stores[stores].clone(), leases)
    }
}

/// An account of shard 0, the `number`-th.
pub(crate) async fn write(shop: &Fixture, number: u128) -> Result<AppendOutcome, AppendError> {
    shop.create_account(number * u128::from(SHARDS)).await
}

pub(crate) fn new_node(number: u128, name: &str) -> NewNode {
    NewNode {
        id: node(number),
        name: name.to_owned(),
        address: Some(format!("10.0.0.{number}:7000")),
        roles: Roles {
            gateway: number.is_multiple_of(2),
            entities: true,
            projections: false,
        },
        program: "0.1.0".into(),
        wire_min: 1,
        wire_max: 40_000,
    }
}

/// Waits for so long that a test which must wait has failed.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);
