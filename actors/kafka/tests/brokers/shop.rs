//! A shop on in-memory stores, whose events are published to Kafka.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use fritzy_actors::{
    AccountInput, OrderInput, OrderLineInput, PriceInput, ProductInput, Request, Shop, ShopConfig,
};
use fritzy_domain::{
    AccountCommand, AnnotationsInput, CommandId, Cursor, OrderCommand, ProductCommand,
    RecordedEvent,
};
use fritzy_kafka::{KafkaBridge, KafkaBridgeConfig, TopicSettings, Topics};
use fritzy_persistence::{CommitterConfig, MemoryConfig, Stores};
use fritzy_projections::{ProjectionStart, ProjectionStatus, Projections};
use fritzy_types::{Deadline, NodeId, ShardCount};
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The accounts; their orders are in as many shards, or nearly.
const ACCOUNTS: usize = 8;

pub(crate) const TOPIC_SETTINGS: TopicSettings = TopicSettings {
    partitions: 3,
    retention_ms: 86_400_000,
};

pub(crate) struct KafkaShop {
    pub(crate) config: KafkaBridgeConfig,
    pub(crate) stores: Stores,
    shop: Shop,
    pub(crate) accounts: Vec<String>,
    product: String,
}

fn request() -> Request {
    Request {
        command: CommandId::from_uuid(Uuid::now_v7()),
        fingerprint: None,
        deadline: Deadline::at(Instant::now() + Duration::from_secs(60)),
    }
}

/// A load of orders, until it is stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    placed: Arc<AtomicUsize>,
    placing: JoinHandle<()>,
}

impl Load {
    pub(crate) fn placed(&self) -> usize {
        self.placed.load(SeqCst)
    }

    /// Stops the load, and returns the number of orders placed.
    pub(crate) async fn stop(self) -> usize {
        self.stop.store(true, SeqCst);
        self.placing.await.expect("places");
        self.placed.load(SeqCst)
    }
}

impl KafkaShop {
    /// A shop with these brokers.
    pub(crate) async fn new(brokers: &str) -> Self {
        let stores = Stores::in_memory(MemoryConfig {
            shards: ShardCount::new(16).expect("in range"),
            committer: CommitterConfig::default(),
        });
        Self::on(stores, brokers).await
    }

    /// A shop on these stores.
    pub(crate) async fn on(stores: Stores, brokers: &str) -> Self {
        let shop = Shop::start(
            ShopConfig::default(),
            NodeId::from_uuid(Uuid::now_v7()),
            stores.journal.clone(),
            stores.read_model.clone(),
            stores.ownership.as_ref(),
        );
        let shop = shop.await.expect("starts");
        let mut accounts = Vec::new();
        for number in 0..ACCOUNTS {
            let request = request();
            let account = shop.create_account(&request, format!("Ada {number}").into());
            accounts.push(account.await.expect("created").state.id.to_string());
        }
        let product = create_product(&shop, "19.99").await;
        Self {
            config: KafkaBridgeConfig::new(brokers),
            stores,
            shop,
            accounts,
            product,
        }
    }

    /// The same, with the topics created.
    pub(crate) async fn with_topics(brokers: &str) -> Self {
        let shop = Self::new(brokers).await;
        let (done, remains) = shop.topics().apply().await.expect("made");
        assert_eq!((done.len(), remains.as_slice()), (7, &[][..]));
        shop
    }

    /// The same, with properties of the bridge.
    pub(crate) fn set(mut self, properties: &[(&str, &str)]) -> Self {
        let properties = properties.iter();
        let properties = properties.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.config.properties.extend(properties);
        self
    }

    /// Stops the shop, and closes its stores.
    pub(crate) async fn close(self) {
        self.shop.stop().await;
        self.stores.close().await;
    }

    pub(crate) fn topics(&self) -> Topics {
        Topics::new(&self.config, TOPIC_SETTINGS).expect("a client")
    }

    /// Places orders and moves them on, so that each has several versions.
    pub(crate) async fn orders(&self, count: usize) {
        for number in 0..count {
            let account = &self.accounts[number % ACCOUNTS];
            let id = self.order(account, vec![self.product.clone()]).await;
            self.move_order(&id, OrderCommand::Confirm).await;
            if number % 2 == 0 {
                self.move_order(&id, OrderCommand::Complete).await;
            }
        }
    }

    /// Orders one of each product.
    pub(crate) async fn order(&self, account: &str, products: Vec<String>) -> String {
        let lines = products.into_iter().map(|product_id| OrderLineInput {
            product_id,
            quantity: 1,
        });
        let input = OrderInput {
            account_id: account.to_owned(),
            lines: lines.collect(),
            annotations: AnnotationsInput::default(),
        };
        let request = request();
        let placed = self.shop.place_order(&request, &input).await;
        placed.expect("placed").state.id.to_string()
    }

    /// Creates an account, a product and an order with external references and metadata.
    pub(crate) async fn annotated_creations(&self) {
        let annotations = AnnotationsInput {
            external_reference: Some("web-1".into()),
            metadata: vec![("a".into(), String::new())],
        };
        let input = AccountInput {
            name: "Annotated".into(),
            annotations: annotations.clone(),
        };
        let account = self.shop.create_account(&request(), input).await;
        let account = account.expect("created").state.id.to_string();
        let input = ProductInput {
            name: "Lamp".into(),
            description: String::new(),
            price: price("1.99"),
            annotations: annotations.clone(),
        };
        let product = self.shop.create_product(&request(), input).await;
        let line = OrderLineInput {
            product_id: product.expect("created").state.id.to_string(),
            quantity: 1,
        };
        let input = OrderInput {
            account_id: account,
            lines: vec![line],
            annotations,
        };
        let placed = self.shop.place_order(&request(), &input).await;
        placed.expect("placed");
    }

    /// Places an order with so many lines, and returns its id.
    pub(crate) async fn long_order(&self, account: &str, lines: usize) -> String {
        let mut products = Vec::new();
        for _ in 0..lines {
            products.push(create_product(&self.shop, "19.99").await);
        }
        self.order(account, products).await
    }

    /// Creates a product at this price, and returns its id.
    pub(crate) async fn product(&self, amount: &str) -> String {
        create_product(&self.shop, amount).await
    }

    pub(crate) async fn command_product(&self, id: &str, command: ProductCommand) {
        let request = request();
        let done = self.shop.command_product(&request, id, command);
        done.await.expect("done");
    }

    pub(crate) async fn reprice(&self, id: &str, amount: &str) {
        let request = request();
        let done = self.shop.reprice_product(&request, id, price(amount));
        done.await.expect("done");
    }

    pub(crate) async fn command_account(&self, index: usize, command: AccountCommand) {
        let request = request();
        let account = self.accounts[index].as_str();
        let done = self.shop.command_account(&request, account, command);
        done.await.expect("done");
    }

    pub(crate) async fn move_order(&self, id: &str, command: OrderCommand) {
        let request = request();
        let moved = self.shop.command_order(&request, id, command);
        moved.await.expect("moved");
    }

    async fn move_orders(&self, ids: &[String], command: OrderCommand) {
        for id in ids {
            self.move_order(id, command.clone()).await;
        }
    }

    /// Places ten orders every tenth of a second, confirms them a second later, and completes them
    /// after another two: the events of an order are far enough apart to be overtaken.
    pub(crate) fn load(self: &Arc<Self>) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let placed = Arc::new(AtomicUsize::new(0));
        let (shop, stopped, count) = (self.clone(), stop.clone(), placed.clone());
        let placing = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_millis(100));
            let (mut to_confirm, mut to_complete) = (VecDeque::new(), VecDeque::new());
            while !stopped.load(SeqCst) {
                ticks.tick().await;
                let mut ids = Vec::new();
                for number in 0..10 {
                    let account = &shop.accounts[number % ACCOUNTS];
                    ids.push(shop.order(account, vec![shop.product.clone()]).await);
                }
                count.fetch_add(ids.len(), SeqCst);
                to_confirm.push_back(ids);
                if to_confirm.len() > 10 {
                    let ids: Vec<String> = to_confirm.pop_front().unwrap_or_default();
                    shop.move_orders(&ids, OrderCommand::Confirm).await;
                    to_complete.push_back(ids);
                }
                if to_complete.len() > 20 {
                    let ids = to_complete.pop_front().unwrap_or_default();
                    shop.move_orders(&ids, OrderCommand::Complete).await;
                }
            }
        });
        Load {
            stop,
            placed,
            placing,
        }
    }

    pub(crate) async fn bridge(&self) -> Projections {
        self.project(Arc::new(self.start())).await
    }

    /// The factory of its bridges.
    pub(crate) fn start(&self) -> KafkaBridge {
        KafkaBridge::new(self.config.clone(), self.stores.topic_bindings.clone())
    }

    pub(crate) async fn project(&self, start: Arc<dyn ProjectionStart>) -> Projections {
        let mut registry = Registry::default();
        let started = Projections::start(
            vec![start],
            self.shop.leases(),
            &self.stores.journal,
            &self.stores.cursors,
            &mut registry,
        );
        started.await.expect("starts")
    }

    pub(crate) async fn cursors(&self) -> Vec<Cursor> {
        let cursors = self.stores.cursors.cursors("kafka").await;
        cursors.expect("reads")
    }

    /// Waits until all events are published, except in stopped shards.
    pub(crate) async fn until_published(&self, running: &Projections) {
        let began = Instant::now();
        loop {
            let cursors = self.cursors().await;
            let heads = self.stores.journal.heads().await.expect("reads");
            let done = heads.iter().all(|(shard, head)| {
                let done = |cursor: &Cursor| cursor.position == *head || cursor.stopped.is_some();
                cursors
                    .iter()
                    .any(|cursor| cursor.shard == *shard && done(cursor))
            });
            if done {
                return;
            }
            let in_time = began.elapsed() < Duration::from_secs(120);
            assert!(in_time, "{:?}", status(running));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn journal(&self) -> Vec<RecordedEvent> {
        let mut events = Vec::new();
        for shard in self.stores.ownership.shard_count().all() {
            let read = self.stores.journal.read_shard(shard, 0, u32::MAX).await;
            events.extend(read.expect("reads"));
        }
        events
    }
}

fn price(amount: &str) -> PriceInput {
    PriceInput {
        amount: amount.into(),
        amount_field: "price",
        currency: "USD".into(),
    }
}

async fn create_product(shop: &Shop, amount: &str) -> String {
    let input = ProductInput {
        name: "Lamp".into(),
        description: String::new(),
        price: price(amount),
        annotations: AnnotationsInput::default(),
    };
    let product = shop.create_product(&request(), input).await;
    product.expect("created").state.id.to_string()
}

pub(crate) fn status(running: &Projections) -> ProjectionStatus {
    running.status().next().expect("one projection").1
}
