//! `actors-activate`: reads orders by calling the shop in this process; none is active, so each is
//! activated from its row.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use fritzy_actors::ShopConfig;

use super::allowed_settings::Setting;
use super::dataset::DatasetSize;
use super::shop::{deadline, outcome};
use super::shop_system::{OpenShop, ShopSystem};
use super::{Reach, Scenario, SetUp, SystemUnderTest};
use crate::BenchError;
use crate::load::{Caller, Outcome};

/// Orders that stay in memory: far fewer than are read in turn, so that each is passivated before
/// it is read again.
const ENTITIES_MAX: usize = 4_096;
/// The minimum of orders, see [`ENTITIES_MAX`].
const ORDERS_MIN: u64 = 10 * ENTITIES_MAX as u64;
/// Maximum of orders to read.
const ORDERS_MAX: usize = 100_000;

pub(super) struct ActorsActivate;

#[async_trait]
impl Scenario for ActorsActivate {
    fn name(&self) -> &'static str {
        "actors-activate"
    }

    fn about(&self) -> &'static str {
        "orders read in process that are not in memory: each is activated from its row on PostgreSQL"
    }

    fn reach(&self) -> Reach {
        Reach::InProcess
    }

    fn takes(&self) -> &'static [Setting] {
        &[
            Setting::InFlight,
            Setting::Rate,
            Setting::Accounts,
            Setting::Products,
            Setting::Keyed,
            Setting::Postgres,
            Setting::Committers,
            Setting::Fill,
            Setting::CopyOf,
        ]
    }

    fn default_fill(&self) -> u32 {
        u32::try_from(ORDERS_MAX).expect("small")
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let size = DatasetSize {
            orders: ORDERS_MAX,
            ..DatasetSize::from_settings(set_up.settings)
        };
        let config = ShopConfig {
            entities_max: ENTITIES_MAX,
            ..ShopConfig::default()
        };
        if set_up.settings.copy_of.is_none() && set_up.settings.fill_count < ORDERS_MIN {
            return Err(BenchError::Settings(format!(
                "actors-activate needs at least --fill={ORDERS_MIN}: of fewer orders, some are still in memory when they are read again"
            )));
        }
        let subject = ShopSystem::open(set_up, config, size, |shop, _, _, _| ActivatingCaller {
            shop: shop.clone(),
        });
        Ok(Box::new(subject.await?))
    }
}

struct ActivatingCaller {
    shop: Arc<OpenShop>,
}

impl Caller for ActivatingCaller {
    async fn call(&mut self) -> Outcome {
        /// Shared by all callers, so that no order is read twice in a short time.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let OpenShop { shop, dataset } = &*self.shop;
        let orders = &dataset.orders;
        let id = &orders[NEXT.fetch_add(1, Ordering::Relaxed) % orders.len()];
        outcome(shop.order(id, deadline()).await)
    }
}
