//! `actors-ask`: accounts read by calling the shop in this process: router, shard and entity actor, nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_actors::ShopConfig;

use super::allowed_settings::Setting;
use super::dataset::Wanted;
use super::shop::{deadline, outcome};
use super::shop_system::{OpenShop, ShopSubject};
use super::{Reach, Scenario, SetUp, Subject};
use crate::BenchError;
use crate::load::{Caller, Outcome};
use crate::random::SplitMix64;

/// The scenario.
pub(super) struct ActorsAsk;

#[async_trait]
impl Scenario for ActorsAsk {
    fn name(&self) -> &'static str {
        "actors-ask"
    }

    fn about(&self) -> &'static str {
        "accounts read in process, from active actors"
    }

    fn reach(&self) -> Reach {
        Reach::InProcess
    }

    fn takes(&self) -> &'static [Setting] {
        &[
            Setting::InFlight,
            Setting::Rate,
            Setting::Accounts,
            Setting::Store,
            Setting::Postgres,
            Setting::Committers,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn Subject>, BenchError> {
        let wanted = Wanted {
            products: 0,
            ..Wanted::by(set_up.settings)
        };
        let config = ShopConfig::default();
        let subject = ShopSubject::open(set_up, config, wanted, |shop, _, plan, number| Asking {
            shop: shop.clone(),
            random: SplitMix64::of(&[plan.seed, plan.repetition as u64, number as u64]),
        })
        .await?;
        let OpenShop { shop, things } = subject.shop();
        for id in &things.accounts {
            // From here on its actor is active.
            let read = shop.account(id, deadline()).await;
            read.map_err(|error| BenchError::Preparing {
                what: "the reading of accounts",
                reason: error.to_string(),
            })?;
        }
        Ok(Box::new(subject))
    }
}

struct Asking {
    shop: Arc<OpenShop>,
    random: SplitMix64,
}

impl Caller for Asking {
    async fn call(&mut self) -> Outcome {
        let OpenShop { shop, things } = &*self.shop;
        let accounts = &things.accounts;
        let id = &accounts[self.random.below(accounts.len())];
        outcome(shop.account(id, deadline()).await)
    }
}
