//! A shop in this process as the system under test: its stores, its data, and the callers of its
//! methods.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use fritzy_actors::{Shop, ShopConfig};
use fritzy_persistence::{CommitterConfig, MemoryConfig, PostgresConfig, SqliteConfig, Stores};
use fritzy_projections::Begin;
use tempfile::TempDir;

use super::database::Database;
use super::dataset::{Dataset, DatasetSize};
use super::durability::{Durability, Fsync};
use super::in_process::measure;
use super::kafka_publish::KafkaPublisher;
use super::shop::start_shop;
use super::{Conditions, SetUp, Store, SystemUnderTest, VariantSettings};
use crate::BenchError;
use crate::load::{Caller, Measurement, Plan, Window};
use crate::process::Role;

/// A running shop and its data.
pub(super) struct OpenShop {
    pub(super) shop: Shop,
    pub(super) dataset: Dataset,
}

/// Where the shop's data is; removed at the end.
enum DataLocation {
    Memory,
    Folder(#[expect(dead_code, reason = "its drop removes the folder")] TempDir),
    Database(Database),
}

/// A shop under load from callers of one type.
pub(super) struct ShopSystem<C> {
    shop: Arc<OpenShop>,
    stores: Stores,
    conditions: Conditions,
    location: DataLocation,
    publisher: Option<KafkaPublisher>,
    /// Creates caller number n of a run.
    caller: fn(&Arc<OpenShop>, &VariantSettings, &Plan, usize) -> C,
    settings: VariantSettings,
}

impl<C: Caller> ShopSystem<C> {
    /// Opens a shop with data of this size.
    pub(super) async fn open(
        set_up: &SetUp<'_>,
        config: ShopConfig,
        size: DatasetSize,
        caller: fn(&Arc<OpenShop>, &VariantSettings, &Plan, usize) -> C,
    ) -> Result<Self, BenchError> {
        let (stores, location, durability) = open_stores(set_up).await?;
        let shop = start_shop(config, &stores).await?;
        let dataset = match &location {
            DataLocation::Database(database) if set_up.settings.is_filled() => {
                let found = Dataset::sample(database.url(), size);
                found.await?
            }
            _ => Dataset::create(&shop, size).await?,
        };
        let publisher = match &set_up.settings.kafka {
            Some(brokers) => {
                Some(KafkaPublisher::start(brokers, &shop, &stores, Begin::Now).await?)
            }
            None => None,
        };
        Ok(Self {
            shop: Arc::new(OpenShop { shop, dataset }),
            stores,
            conditions: Conditions {
                durability,
                node_settings: None,
            },
            location,
            publisher,
            caller,
            settings: set_up.settings.clone(),
        })
    }

    pub(super) fn shop(&self) -> &OpenShop {
        &self.shop
    }
}

#[async_trait]
impl<C: Caller> SystemUnderTest for ShopSystem<C> {
    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measurement, BenchError> {
        let callers: Vec<C> = (0..plan.load.callers())
            .map(|number| (self.caller)(&self.shop, &self.settings, plan, number))
            .collect();
        let window = Window::beginning_now(plan.warmup, plan.duration);
        if let Some(publisher) = &self.publisher {
            publisher.measure(&window);
        }
        let mut processes = vec![(Role::ShopAndGenerator, std::process::id())];
        if let DataLocation::Database(database) = &self.location {
            processes.extend(database.process());
        }
        let measured = measure(callers, plan, window, &processes).await;
        let extra_figures = match &self.publisher {
            Some(publisher) => publisher.figures().await?,
            None => BTreeMap::new(),
        };
        Ok(Measurement {
            extra_figures,
            ..measured
        })
    }

    async fn tear_down(self: Box<Self>) -> Result<(), BenchError> {
        if let Some(publisher) = self.publisher {
            publisher.stop().await?;
        }
        self.shop.shop.stop().await;
        self.stores.close().await;
        if let DataLocation::Database(database) = self.location {
            database.remove().await?;
        }
        Ok(())
    }
}

async fn open_stores(set_up: &SetUp<'_>) -> Result<(Stores, DataLocation, Durability), BenchError> {
    let defaults = CommitterConfig::default();
    let batch_len_max = set_up.settings.batch_len_max_appends;
    let committer = CommitterConfig {
        batch_len_max: batch_len_max.unwrap_or(defaults.batch_len_max),
        ..defaults
    };
    if set_up.settings.store == Some(Store::Memory) {
        let stores = Stores::in_memory(MemoryConfig {
            committer,
            ..MemoryConfig::default()
        });
        let durability = Durability::without(Fsync::InMemory, "the store is in memory");
        return Ok((stores, DataLocation::Memory, durability));
    }
    if set_up.settings.store == Some(Store::Postgres) {
        let database = Database::open(set_up).await?;
        let defaults = PostgresConfig::new(database.url());
        let committers = set_up.settings.committers_count;
        let config = PostgresConfig {
            committer,
            committers: committers.map_or(defaults.committers, |count| {
                u16::try_from(count).expect("the flag's range is smaller")
            }),
            ..defaults
        };
        let durability = database.durability();
        let stores = Stores::open_postgres(config).await;
        let stores = stores.map_err(|failure| preparing("the database", &failure))?;
        return Ok((stores, DataLocation::Database(database), durability));
    }
    let folder = tempfile::Builder::new()
        .prefix("fritzy-bench-")
        .tempdir_in(set_up.within)
        .map_err(|failure| preparing("a folder", &failure))?;
    let durability = Durability::of_sqlite(folder.path());
    let config = SqliteConfig {
        committer,
        ..SqliteConfig::new(folder.path().join("fritzy.db"))
    };
    let stores = Stores::open_sqlite(config).await;
    let stores = stores.map_err(|failure| preparing("the database", &failure))?;
    Ok((stores, DataLocation::Folder(folder), durability))
}

fn preparing(what: &'static str, failure: &dyn std::error::Error) -> BenchError {
    BenchError::Preparing {
        what,
        reason: failure.to_string(),
    }
}
