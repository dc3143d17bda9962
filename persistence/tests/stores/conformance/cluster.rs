//! The stores of two nodes of a cluster on one database.

use fritzy_domain::{AppendError, AppendOutcome};
use fritzy_persistence::{
    CommitterConfig, MemoryConfig, PostgresConfig, SharedMemoryStore, Sharing, Stores,
};
use fritzy_testbed::ServiceError;
use fritzy_types::{
    ClusterState, Membership, NewNode, NodeId, Roles, ShardCount, ShardId, ShardLease,
};
use sqlx::{Connection, PgConnection};

use crate::fixture::{Fixture, node, postgres_config};

/// Enough for two concurrent acquisitions to overlap.
pub(crate) const SHARDS: u16 = 64;

pub(crate) struct Cluster {
    pub(crate) stores: [Stores; 2],
    /// The database's URL, if it is on a server.
    url: Option<String>,
}

/// Creates a database that the nodes of a cluster share, for one test.
pub(crate) fn cluster_config() -> Result<PostgresConfig, ServiceError> {
    Ok(PostgresConfig {
        shards: ShardCount::new(SHARDS).expect("in range"),
        sharing: Sharing::Cluster,
        readers: 2,
        ..postgres_config()?
    })
}

impl Cluster {
    /// Always there; a result, as the suite expects of each store.
    pub(crate) async fn memory() -> Result<Self, ServiceError> {
        let memory = SharedMemoryStore::default();
        let config = MemoryConfig {
            shards: ShardCount::new(SHARDS).expect("in range"),
            committer: CommitterConfig::default(),
        };
        let stores = [(); 2].map(|()| Stores::in_shared_memory(config, &memory));
        Ok(Self { stores, url: None })
    }

    pub(crate) async fn postgres() -> Result<Self, ServiceError> {
        let config = cluster_config()?;
        let url = Some(config.url.clone());
        let first = Stores::open_postgres(config.clone()).await.expect("opens");
        let second = Stores::open_postgres(config).await;
        let second = second.expect("opens beside the first");
        Ok(Self {
            stores: [first, second],
            url,
        })
    }

    /// The database's URL, if it is on a server.
    pub(crate) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Connects to the server, bypassing the stores.
    pub(crate) async fn connection(&self) -> PgConnection {
        let url = self.url.as_deref().expect("it is on a server");
        PgConnection::connect(url).await.expect("connects")
    }

    /// The membership of the first node's stores.
    pub(crate) fn members(&self) -> &dyn Membership {
        self.members_of(0)
    }

    pub(crate) fn members_of(&self, stores: usize) -> &dyn Membership {
        let membership = self.stores[stores].membership.as_deref();
        membership.expect("shared by several nodes")
    }

    /// Adds a node named after its number.
    pub(crate) async fn join(&self, number: u128) -> NodeId {
        let new = new_node(number, &format!("node-{number}"));
        self.members().join(&new).await.expect("joins");
        new.id
    }

    pub(crate) async fn version(&self) -> u64 {
        let snapshot = self.members().read_state(None, &[]).await;
        snapshot.expect("reads").version
    }

    pub(crate) async fn state(&self) -> ClusterState {
        let snapshot = self.members().read_state(None, &[]).await;
        let state = snapshot.expect("reads").state;
        state.expect("no version was known")
    }

    /// Fences a node whose last observed heartbeat is this one; returns whether it is fenced.
    pub(crate) async fn fence(&self, id: NodeId, heartbeat: u64) -> bool {
        let fenced = self.members().fence(id, heartbeat).await;
        fenced.expect("succeeds")
    }

    /// Acquires every shard for `owner` through the stores of that number, each from the owner
    /// `observed`.
    pub(crate) async fn acquire_all(
        &self,
        stores: usize,
        owner: NodeId,
        observed: Option<NodeId>,
    ) -> Vec<ShardLease> {
        let shards: Vec<_> = (0..SHARDS)
            .map(|shard| (ShardId(shard), observed))
            .collect();
        let acquired = self.members_of(stores).acquire(owner, &shards).await;
        acquired.expect("acquires")
    }

    /// A fixture that appends under these leases, through the stores of that number.
    pub(crate) fn shop(&self, stores: usize, leases: Vec<ShardLease>) -> Fixture {
        Fixture::on(self.stores[stores].clone(), leases)
    }
}

/// Creates the `number`-th account of shard 0.
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
