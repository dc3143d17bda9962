//! `kafka-catch-up`: a bridge publishes a long journal from its first event, counted by the
//! brokers' messages.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use fritzy_actors::{Shop, ShopConfig};
use fritzy_persistence::{PostgresConfig, Stores};
use fritzy_projections::Begin;
use tokio::time::{Instant, sleep, sleep_until};

use super::allowed_settings::Setting;
use super::bench_topics::kafka;
use super::database::Database;
use super::kafka_publish::KafkaPublisher;
use super::shop::start_shop;
use super::{Conditions, Reach, Scenario, SetUp, SystemUnderTest, VariantSettings};
use crate::BenchError;
use crate::load::{Load, Measurement, Plan, Recorder, Window};
use crate::process::{ProcessUsage, Role};

/// Enough for twenty seconds at 50 000 per second.
const ORDERS: u32 = 1_000_000;
const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub(super) struct KafkaCatchUp;

#[async_trait]
impl Scenario for KafkaCatchUp {
    fn name(&self) -> &'static str {
        "kafka-catch-up"
    }

    fn about(&self) -> &'static str {
        "orders published from a journal on PostgreSQL; each is one event and three messages"
    }

    fn reach(&self) -> Reach {
        Reach::InProcess
    }

    fn takes(&self) -> &'static [Setting] {
        &[
            Setting::Accounts,
            Setting::Products,
            Setting::Keyed,
            Setting::Postgres,
            Setting::Fill,
            Setting::CopyOf,
            Setting::Kafka,
        ]
    }

    fn default_fill(&self) -> u32 {
        ORDERS
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        if set_up.settings.kafka.is_none() {
            let reason =
                "kafka-catch-up: needs --kafka HOST:PORT (`cargo xtask services up` prints it)";
            return Err(BenchError::Settings(reason.to_owned()));
        }
        let database = Database::open(set_up).await?;
        let stores = Stores::open_postgres(PostgresConfig::new(database.url())).await;
        let stores = stores.map_err(|failure| kafka(&failure))?;
        let shop = start_shop(ShopConfig::default(), &stores).await?;
        let conditions = Conditions {
            durability: database.durability(),
            node_settings: None,
        };
        Ok(Box::new(CatchUpSystem {
            shop,
            stores,
            database,
            conditions,
            settings: set_up.settings.clone(),
        }))
    }
}

struct CatchUpSystem {
    shop: Shop,
    stores: Stores,
    database: Database,
    conditions: Conditions,
    settings: VariantSettings,
}

/// The brokers' message count at a point in time.
struct Count {
    at: Instant,
    messages: u64,
}

impl Count {
    fn of(publisher: &KafkaPublisher) -> Result<Self, BenchError> {
        let messages = tokio::task::block_in_place(|| publisher.messages())?;
        Ok(Self {
            at: Instant::now(),
            messages,
        })
    }
}

#[async_trait]
impl SystemUnderTest for CatchUpSystem {
    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measurement, BenchError> {
        let brokers = self
            .settings
            .kafka
            .as_deref()
            .expect("checked at the start");
        let begin = Begin::Start;
        let publisher = KafkaPublisher::start(brokers, &self.shop, &self.stores, begin).await?;
        while publisher.status().confirmed == 0 {
            sleep(POLL_INTERVAL).await;
        }
        let window = Window::beginning_now(plan.warmup, plan.duration);
        let recorder = Recorder::shared(window);
        publisher.record(recorder.clone());
        let mut processes = vec![(Role::ShopAndGenerator, std::process::id())];
        processes.extend(self.database.process());
        let counting = async {
            sleep_until(window.measured_from.into()).await;
            let first = Count::of(&publisher)?;
            sleep_until(window.measured_to.into()).await;
            Ok::<_, BenchError>((first, Count::of(&publisher)?))
        };
        let (usage, counted) = tokio::join!(
            ProcessUsage::between(window.measured_from, window.measured_to, &processes),
            counting,
        );
        let (first, last) = counted?;
        let is_done = publisher.status().lag_events == 0;
        publisher.stop().await?;
        if is_done {
            let reason = "kafka-catch-up: all orders were published before the end of the run; --fill more orders";
            return Err(BenchError::Settings(reason.to_owned()));
        }
        let seconds = (last.at - first.at).as_secs_f64();
        let messages = (last.messages - first.messages) as f64;
        let recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Measurement {
            recorder: recorder.clone(),
            unsent: 0,
            usage,
            load: Load::Closed { in_flight: 1 },
            extra_figures: BTreeMap::from([("messages_per_s", messages / seconds)]),
        })
    }

    async fn tear_down(self: Box<Self>) -> Result<(), BenchError> {
        self.shop.stop().await;
        self.stores.close().await;
        self.database.remove().await
    }
}
