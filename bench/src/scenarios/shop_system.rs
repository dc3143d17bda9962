//! A shop in this process: its stores, its accounts and products, and the callers that use its own methods.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use fritzy_actors::{Shop, ShopConfig};
use fritzy_persistence::{CommitterConfig, MemoryConfig, PostgresConfig, SqliteConfig, Stores};
use fritzy_projections::Begin;
use tempfile::TempDir;

use super::database::Database;
use super::dataset::{Things, Wanted};
use super::durability::{Durability, Fsync};
use super::in_process::measure;
use super::kafka_publish::Bridged;
use super::shop::start_shop;
use super::{Conditions, SetUp, SideSettings, Store, Subject};
use crate::BenchError;
use crate::load::{Caller, Measured, Plan, Window};
use crate::process::Role;

/// A running shop, and what is in it.
pub(super) struct OpenShop {
    pub(super) shop: Shop,
    pub(super) things: Things,
}

/// Where a shop's data is; removed at the end.
enum Place {
    Nowhere,
    Folder(#[expect(dead_code, reason = "held to be removed")] TempDir),
    Database(Database),
}

/// A shop under load by callers of one kind.
pub(super) struct ShopSubject<C> {
    shop: Arc<OpenShop>,
    stores: Stores,
    conditions: Conditions,
    place: Place,
    bridged: Option<Bridged>,
    /// Caller number n of a run.
    caller: fn(&Arc<OpenShop>, &SideSettings, &Plan, usize) -> C,
    settings: SideSettings,
}

impl<C: Caller> ShopSubject<C> {
    /// Opens a shop with so many things in it.
    pub(super) async fn open(
        set_up: &SetUp<'_>,
        config: ShopConfig,
        wanted: Wanted,
        caller: fn(&Arc<OpenShop>, &SideSettings, &Plan, usize) -> C,
    ) -> Result<Self, BenchError> {
        let (stores, place, durability) = open_stores(set_up).await?;
        let shop = start_shop(config, &stores).await?;
        let things = match &place {
            Place::Database(database) if set_up.settings.fill_count > 0 => {
                let found = Things::of_filled(database.url(), wanted);
                found.await?
            }
            _ => Things::make(&shop, wanted).await?,
        };
        let bridged = match &set_up.settings.kafka {
            Some(brokers) => Some(Bridged::start(brokers, &shop, &stores, Begin::Now).await?),
            None => None,
        };
        Ok(Self {
            shop: Arc::new(OpenShop { shop, things }),
            stores,
            conditions: Conditions {
                durability,
                node_settings: None,
            },
            place,
            bridged,
            caller,
            settings: set_up.settings.clone(),
        })
    }

    /// The shop.
    pub(super) fn shop(&self) -> &OpenShop {
        &self.shop
    }
}

#[async_trait]
impl<C: Caller> Subject for ShopSubject<C> {
    fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    async fn drive(&mut self, plan: &Plan) -> Result<Measured, BenchError> {
        let callers: Vec<C> = (0..plan.load.callers())
            .map(|number| (self.caller)(&self.shop, &self.settings, plan, number))
            .collect();
        let window = Window::beginning_now(plan.warmup, plan.duration);
        if let Some(bridged) = &self.bridged {
            bridged.measure(&window);
        }
        let mut processes = vec![(Role::ShopAndGenerator, std::process::id())];
        if let Place::Database(database) = &self.place {
            processes.extend(database.process());
        }
        let measured = measure(callers, plan, window, &processes).await;
        let more = match &self.bridged {
            Some(bridged) => bridged.figures().await?,
            None => BTreeMap::new(),
        };
        Ok(Measured { more, ..measured })
    }

    async fn tear_down(self: Box<Self>) -> Result<(), BenchError> {
        if let Some(bridged) = self.bridged {
            bridged.stop().await;
        }
        self.shop.shop.stop().await;
        self.stores.close().await;
        if let Place::Database(database) = self.place {
            database.remove().await?;
        }
        Ok(())
    }
}

async fn open_stores(set_up: &SetUp<'_>) -> Result<(Stores, Place, Durability), BenchError> {
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
        let durability = Durability::without(Fsync::InMemory, "the store is memory");
        return Ok((stores, Place::Nowhere, durability));
    }
    if set_up.settings.store == Some(Store::Postgres) {
        let database = Database::open(set_up).await?;
        let defaults = PostgresConfig::new(database.url());
        let committers = set_up.settings.committers_count;
        let config = PostgresConfig {
            committer,
            committers: committers.map_or(defaults.committers, |count| {
                u16::try_from(count).expect("the range of the flag ends below")
            }),
            ..defaults
        };
        let durability = database.durability();
        let stores = Stores::open_postgres(config).await;
        let stores = stores.map_err(|failure| preparing("the database", &failure))?;
        return Ok((stores, Place::Database(database), durability));
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
    Ok((stores, Place::Folder(folder), durability))
}

fn preparing(what: &'static str, failure: &dyn std::error::Error) -> BenchError {
    BenchError::Preparing {
        what,
        reason: failure.to_string(),
    }
}
