//! The consumer on real brokers: it is killed repeatedly, and bridges repeat events. It counts each
//! order once.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fritzy_actors::{
    OrderInput, OrderLineInput, PriceInput, ProductInput, Request, Shop, ShopConfig,
};
use fritzy_domain::{AnnotationsInput, CommandId, Event, OrderCommand, OrderEvent};
use fritzy_kafka::{KafkaBridge, KafkaBridgeConfig, TopicSettings, Topics};
use fritzy_persistence::{CommitterConfig, Lost, MemoryConfig, SqliteConfig, Stores};
use fritzy_projections::Projections;
use fritzy_testbed::{KafkaCluster, KafkaConfig, skip_unless};
use fritzy_types::{Deadline, NodeId, ShardCount};
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use uuid::Uuid;

/// Minor units and number of orders, by account and currency.
type Expected = BTreeMap<String, (i64, usize)>;

fn request() -> Request {
    Request {
        command: CommandId::from_uuid(Uuid::now_v7()),
        fingerprint: None,
        deadline: Deadline::at(Instant::now() + Duration::from_secs(60)),
    }
}

struct OrderingShop {
    stores: Stores,
    shop: Shop,
    kafka: KafkaBridgeConfig,
}

impl OrderingShop {
    async fn new(brokers: String) -> Self {
        let stores = Stores::in_memory(MemoryConfig {
            shards: ShardCount::new(8).expect("in range"),
            committer: CommitterConfig::default(),
        });
        Self::on(stores, brokers).await
    }

    /// A shop on a file, which can be replaced.
    async fn on_file(file: &Path, brokers: &str) -> Self {
        let config = SqliteConfig {
            shards: ShardCount::new(8).expect("in range"),
            ..SqliteConfig::new(file)
        };
        let stores = Stores::open_sqlite(config).await.expect("opens");
        Self::on(stores, brokers.to_owned()).await
    }

    async fn on(stores: Stores, brokers: String) -> Self {
        let me = NodeId::from_uuid(Uuid::now_v7());
        let (journal, read_model) = (stores.journal.clone(), stores.read_model.clone());
        let ownership = stores.ownership.as_ref();
        let shop = Shop::start(ShopConfig::default(), me, journal, read_model, ownership);
        let shop = shop.await.expect("starts");
        let kafka = KafkaBridgeConfig::new(brokers);
        let settings = TopicSettings {
            partitions: 3,
            retention_ms: 86_400_000,
        };
        let topics = Topics::new(&kafka, settings).expect("a client");
        topics.apply().await.expect("created");
        Self {
            stores,
            shop,
            kafka,
        }
    }

    async fn bridge(&self) -> Projections {
        let bindings = self.stores.topic_bindings.clone();
        let bridge = KafkaBridge::new(self.kafka.clone(), bindings);
        let mut registry = Registry::default();
        let started = Projections::start(
            vec![Arc::new(bridge)],
            self.shop.leases(),
            &self.stores.journal,
            &self.stores.cursors,
            &mut registry,
        );
        started.await.expect("starts")
    }

    /// Places orders for an account, and publishes everything.
    async fn publish_orders(&self, account: &str, product: &str, orders: u32) {
        let bridge = self.bridge().await;
        for number in 0..orders {
            self.order(account, product, number).await;
        }
        self.until_published().await;
        bridge.stop().await;
    }

    async fn close(self) {
        self.shop.stop().await;
        self.stores.close().await;
    }

    async fn account(&self, name: &str) -> String {
        let request = request();
        let account = self.shop.create_account(&request, name.into()).await;
        account.expect("created").state.id.to_string()
    }

    async fn product(&self, amount: &str, currency: &str) -> String {
        let (amount, amount_field) = (amount.into(), "price");
        let currency = currency.into();
        let input = ProductInput {
            name: "Lamp".into(),
            description: String::new(),
            price: PriceInput {
                amount,
                amount_field,
                currency,
            },
            annotations: AnnotationsInput::default(),
        };
        let product = self.shop.create_product(&request(), input).await;
        product.expect("created").state.id.to_string()
    }

    /// Places an order; every third is cancelled, the others are confirmed.
    async fn order(&self, account: &str, product: &str, number: u32) {
        let input = OrderInput {
            account_id: account.to_owned(),
            lines: vec![OrderLineInput {
                product_id: product.to_owned(),
                quantity: i64::from(1 + number % 7),
            }],
            annotations: AnnotationsInput::default(),
        };
        let placed = self.shop.place_order(&request(), &input).await;
        let id = placed.expect("placed").state.id.to_string();
        let command = match number % 3 {
            0 => OrderCommand::Cancel { reason: None },
            _ => OrderCommand::Confirm,
        };
        let request = request();
        let moved = self.shop.command_order(&request, id.as_str(), command);
        moved.await.expect("moved");
    }

    async fn until_published(&self) {
        let heads = self.stores.journal.heads().await.expect("reads");
        let began = Instant::now();
        loop {
            let cursors = self.stores.cursors.cursors("kafka").await.expect("reads");
            let mut cursors = cursors.iter();
            if cursors.all(|cursor| {
                heads
                    .get(&cursor.shard)
                    .is_none_or(|head| cursor.position >= *head)
            }) {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "not published in time"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The totals by the journal.
    async fn expected(&self) -> Expected {
        let mut placed = BTreeMap::new();
        for shard in self.stores.ownership.shard_count().all() {
            let read = self.stores.journal.read_shard(shard, 0, u32::MAX).await;
            for recorded in read.expect("reads") {
                match &recorded.event {
                    Event::Order(OrderEvent::Created(created)) => {
                        let (account, total) = (created.account_id, created.total);
                        let key = format!("{account} {}", total.currency().code());
                        placed.insert(recorded.entity, (key, total.minor_units()));
                    }
                    Event::Order(OrderEvent::Cancelled(_)) => {
                        placed.remove(&recorded.entity);
                    }
                    _ => {}
                }
            }
        }
        let mut expected = Expected::new();
        for (key, amount) in placed.into_values() {
            let (sum, orders) = expected.entry(key).or_default();
            *sum += amount;
            *orders += 1;
        }
        expected
    }
}

fn consumer(brokers: &str, state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_account-totals"));
    command.args(["--brokers", brokers, "--state"]).arg(state);
    command
}

/// Runs a consumer to the end of the topic, and parses its output.
fn counted(brokers: &str, state: &Path) -> Expected {
    let output = consumer(brokers, state).arg("--until-end").output();
    let output = output.expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = lines.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let key = format!("{} {}", words[0], words[1]);
        let number = |index: usize| words[index].parse::<i64>().expect("a number");
        let orders = usize::try_from(number(6)).expect("a count");
        (key, (number(2), orders))
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_each_order_counts_once_despite_kills() {
    let started = tokio::task::block_in_place(|| KafkaCluster::start(&KafkaConfig::default()));
    let cluster = skip_unless!(started);
    let brokers = cluster.bootstrap();
    let ordering = OrderingShop::new(brokers.clone()).await;
    let accounts = [
        ordering.account("Ada").await,
        ordering.account("Grace").await,
    ];
    let products = [
        ordering.product("19.99", "USD").await,
        ordering.product("0.07", "USD").await,
        ordering.product("1000", "JPY").await,
    ];
    let folder = TempDir::new().expect("a folder");
    let state = folder.path().join("totals.db");
    for round in 0..6_u32 {
        // Its cursors are not saved: the next bridge repeats the events.
        let bridge = ordering.bridge().await;
        let mut killed = consumer(&brokers, &state)
            .stdout(Stdio::null())
            .spawn()
            .expect("it runs");
        for number in 0..150_u32 {
            let account = &accounts[(number % 2) as usize];
            let product = &products[(number % 3) as usize];
            ordering.order(account, product, number / 3 + round).await;
        }
        tokio::time::sleep(Duration::from_millis(40 * u64::from(round))).await;
        killed.kill().expect("it ran");
        killed.wait().expect("it ends");
        bridge.kill();
    }
    let bridge = ordering.bridge().await;
    ordering.until_published().await;
    bridge.stop().await;
    let expected = ordering.expected().await;
    assert_eq!(
        expected.len(),
        4,
        "two accounts, two currencies: {expected:?}"
    );
    assert_eq!(counted(&brokers, &state), expected);
    assert_eq!(
        counted(&brokers, &state),
        expected,
        "a second run changes nothing"
    );
    // A new consumer, which reads all repeats, gets the same totals.
    let fresh = folder.path().join("fresh.db");
    assert_eq!(counted(&brokers, &fresh), expected);

    // Two consumers on one file would count twice: the second one fails.
    let mut one = consumer(&brokers, &state)
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let other = consumer(&brokers, &state).output().expect("it runs");
    assert!(!other.status.success());
    let error = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(error.contains("is another consumer using it?"), "{error}");
    one.kill().expect("it ran");
    one.wait().expect("it ends");
}

/// The shop's database is replaced by a backup. Orders that were counted and lost are counted no
/// more, by a consumer that has seen them and by one that reads all afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_orders_lost_by_the_shop_are_not_counted() {
    let started = tokio::task::block_in_place(|| KafkaCluster::start(&KafkaConfig::default()));
    let cluster = skip_unless!(started);
    let brokers = cluster.bootstrap();
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (file, backup) = (path("shop.db"), path("backup.db"));

    let ordering = OrderingShop::on_file(&file, &brokers).await;
    let account = ordering.account("Ada").await;
    let product = ordering.product("19.99", "USD").await;
    ordering.publish_orders(&account, &product, 12).await;
    ordering.close().await;
    std::fs::copy(&file, &backup).expect("copied");
    let ordering = OrderingShop::on_file(&file, &brokers).await;
    ordering.publish_orders(&account, &product, 12).await;
    let with_lost = ordering.expected().await;
    assert_eq!(counted(&brokers, &path("totals.db")), with_lost);
    std::fs::rename(&backup, &file).expect("replaced");
    let lost = tokio::time::timeout(Duration::from_secs(20), ordering.stores.lost()).await;
    assert_eq!(lost.expect("it is noticed"), Lost::History);
    ordering.close().await;

    let ordering = OrderingShop::on_file(&file, &brokers).await;
    ordering.publish_orders(&account, &product, 5).await;
    let expected = ordering.expected().await;
    assert_ne!(expected, with_lost);
    assert_eq!(counted(&brokers, &path("totals.db")), expected);
    assert_eq!(counted(&brokers, &path("fresh.db")), expected);
    ordering.close().await;
}

#[test]
fn unusable_state_file_is_reported_in_one_line() {
    let folder = TempDir::new().expect("a folder");
    let output = consumer(
        "127.0.0.1:1",
        &folder.path().join("nowhere").join("totals.db"),
    )
    .output();
    let output = output.expect("it runs");
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        error.starts_with("account-totals: ") && error.lines().count() == 1,
        "{error}"
    );
}
