//! `actors-activate`: orders read by calling the shop in this process, each from its row: none of them is active.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use fritzy_actors::ShopConfig;

use super::allowed_settings::Setting;
use super::dataset::Wanted;
use super::shop::{deadline, outcome};
use super::shop_system::{OpenShop, ShopSubject};
use super::{Reach, Scenario, SetUp, Subject};
use crate::BenchError;
use crate::load::{Caller, Outcome};

/// Orders that stay in memory. Far fewer than are asked for in turn, so that each has left before its turn comes again.
const ENTITIES_MAX: usize = 4_096;
/// See there.
const ORDERS_MIN: u64 = 10 * ENTITIES_MAX as u64;
/// Orders that are asked for.
const ORDERS_MAX: usize = 100_000;

/// The scenario.
pub(super) struct ActorsActivate;

#[async_trait]
impl Scenario for ActorsActivate {
    fn name(&self) -> &'static str {
        "actors-activate"
    }

    fn about(&self) -> &'static str {
        "orders read in process that are not in memory: each becomes active from its row on PostgreSQL"
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
        ]
    }

    fn fills(&self) -> u32 {
        u32::try_from(ORDERS_MAX).expect("small")
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn Subject>, BenchError> {
        let wanted = Wanted {
            orders: ORDERS_MAX,
            ..Wanted::by(set_up.settings)
        };
        let config = ShopConfig {
            entities_max: ENTITIES_MAX,
            ..ShopConfig::default()
        };
        if set_up.settings.fill_count < ORDERS_MIN {
            return Err(BenchError::Settings(format!(
                "actors-activate needs --fill={ORDERS_MIN} at least: of fewer orders some are still in memory when they are asked for again"
            )));
        }
        let subject = ShopSubject::open(set_up, config, wanted, |shop, _, _, _| Activating {
            shop: shop.clone(),
        });
        Ok(Box::new(subject.await?))
    }
}

struct Activating {
    shop: Arc<OpenShop>,
}

impl Caller for Activating {
    async fn call(&mut self) -> Outcome {
        /// All callers go through the orders together, so that nothing is asked for twice in a while.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let OpenShop { shop, things } = &*self.shop;
        let orders = &things.orders;
        let id = &orders[NEXT.fetch_add(1, Ordering::Relaxed) % orders.len()];
        outcome(shop.order(id, deadline()).await)
    }
}
