//! A shop on stores in memory, with a Kafka of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_actors::{
    Begin, KafkaBridge, KafkaBridgeConfig, OrderInput, OrderLineInput, PriceInput, ProductInput,
    Projections, Request, Shop, ShopConfig, TopicSettings, Topics,
};
use fritzy_domain::{CommandId, Deadline, NodeId, OrderCommand, Recorded, ShardCount};
use fritzy_persistence::{CommitterConfig, MemoryConfig, Stores};
use fritzy_services::{KafkaCluster, KafkaConfig, ServiceError, skipped};
use prometheus_client::registry::Registry;
use uuid::Uuid;

pub(crate) struct KafkaShop {
    cluster: KafkaCluster,
    stores: Stores,
    shop: Shop,
    account: String,
    product: String,
}

fn request() -> Request {
    Request {
        command: CommandId::from_uuid(Uuid::now_v7()),
        fingerprint: None,
        deadline: Deadline::at(Instant::now() + Duration::from_secs(60)),
    }
}

impl KafkaShop {
    /// `None` where this machine has no Kafka; then the test is counted as skipped.
    pub(crate) async fn new(test: &str, brokers: usize) -> Option<Self> {
        let config = KafkaConfig {
            brokers,
            ..KafkaConfig::default()
        };
        let started = tokio::task::block_in_place(|| KafkaCluster::start(&config));
        let cluster = match started {
            Ok(cluster) => cluster,
            Err(missing @ ServiceError::Missing { .. }) => {
                skipped(test, &missing.to_string());
                return None;
            }
            Err(failure) => panic!("{failure}"),
        };
        let stores = Stores::in_memory(MemoryConfig {
            shards: ShardCount::new(16).expect("in range"),
            committer: CommitterConfig::default(),
        });
        let shop = Shop::start(
            ShopConfig::default(),
            NodeId::from_uuid(Uuid::now_v7()),
            stores.journal.clone(),
            stores.read_model.clone(),
            stores.ownership.as_ref(),
        );
        let shop = shop.await.expect("starts");
        let account = shop
            .create_account(&request(), "Ada".into())
            .await
            .expect("created");
        let input = ProductInput {
            name: "Lamp".into(),
            description: String::new(),
            price: PriceInput {
                amount: "19.99".into(),
                amount_field: "price",
                currency: "USD".into(),
            },
        };
        let product = shop
            .create_product(&request(), input)
            .await
            .expect("created");
        let made = Self {
            cluster,
            stores,
            shop,
            account: account.state.id.to_string(),
            product: product.state.id.to_string(),
        };
        let settings = TopicSettings {
            partitions: 3,
            retention_ms: 86_400_000,
        };
        let topics = Topics::new(&made.config(), settings).expect("a client");
        let missing = topics.check().await.expect("asked");
        assert_eq!(missing.len(), 6, "{missing:?}");
        let (done, remains) = topics.apply().await.expect("made");
        assert_eq!((done.len(), remains.as_slice()), (6, &[][..]));
        Some(made)
    }

    pub(crate) fn brokers(&self) -> String {
        self.cluster.bootstrap()
    }

    fn config(&self) -> KafkaBridgeConfig {
        KafkaBridgeConfig {
            brokers: self.brokers(),
            properties: Default::default(),
            begin: Begin::Start,
        }
    }

    pub(crate) fn broker<T>(
        &mut self,
        act: impl FnOnce(&mut KafkaCluster) -> Result<T, ServiceError>,
    ) {
        tokio::task::block_in_place(|| act(&mut self.cluster))
            .map(drop)
            .expect("done");
    }

    /// Places orders and moves them on, so that each has several versions.
    pub(crate) async fn orders(&self, count: usize) {
        for number in 0..count {
            let input = OrderInput {
                account_id: self.account.clone(),
                lines: vec![OrderLineInput {
                    product_id: self.product.clone(),
                    quantity: 1,
                }],
            };
            let placed = self
                .shop
                .place_order(&request(), &input)
                .await
                .expect("placed");
            let id = placed.state.id.to_string();
            self.move_order(&id, OrderCommand::Confirm).await;
            if number % 2 == 0 {
                self.move_order(&id, OrderCommand::Complete).await;
            }
        }
    }

    async fn move_order(&self, id: &str, command: OrderCommand) {
        let request = request();
        let moved = self.shop.command_order(&request, id, command);
        moved.await.expect("moved");
    }

    pub(crate) async fn bridge(&self) -> Projections {
        let mut registry = Registry::default();
        let started = Projections::start(
            vec![Arc::new(KafkaBridge::new(self.config()))],
            self.shop.leases(),
            &self.stores.journal,
            &self.stores.cursors,
            &mut registry,
        );
        started.await.expect("starts")
    }

    pub(crate) async fn until_published(&self, running: &Projections) {
        let began = Instant::now();
        loop {
            let cursors = self.stores.cursors.cursors("kafka").await.expect("reads");
            let heads = self.stores.journal.heads().await.expect("reads");
            let done = heads.iter().all(|(shard, head)| {
                cursors
                    .iter()
                    .any(|cursor| cursor.shard == *shard && cursor.position == *head)
            });
            if done {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "{:?}",
                running.status().collect::<Vec<_>>()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn journal(&self) -> Vec<Recorded> {
        let mut events = Vec::new();
        for shard in self.stores.ownership.shard_count().all() {
            events.extend(
                self.stores
                    .journal
                    .read_shard(shard, 0, u32::MAX)
                    .await
                    .expect("reads"),
            );
        }
        events
    }
}
