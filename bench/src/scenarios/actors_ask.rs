//! `actors-ask`: reads accounts by calling the shop in this process: only router, shard and entity
//! actor take part.

use fastrand::Rng;
use std::sync::Arc;

use async_trait::async_trait;
use fritzy_actors::ShopConfig;

use super::allowed_settings::Setting;
use super::dataset::DatasetSize;
use super::shop::{deadline, outcome};
use super::shop_system::{OpenShop, ShopSystem};
use super::{Reach, Scenario, SetUp, SystemUnderTest};
use crate::BenchError;
use crate::load::{Caller, Outcome};
use crate::random::seeded;

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

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let size = DatasetSize {
            products: 0,
            ..DatasetSize::from_settings(set_up.settings)
        };
        let config = ShopConfig::default();
        let subject =
            ShopSystem::open(set_up, config, size, |shop, _, plan, number| AskingCaller {
                shop: shop.clone(),
                random: seeded(&[plan.seed, plan.repetition as u64, number as u64]),
            })
            .await?;
        let OpenShop { shop, dataset } = subject.shop();
        for id in &dataset.accounts {
            // This activates the account's actor.
            let read = shop.account(id, deadline()).await;
            read.map_err(|error| BenchError::Preparing {
                what: "reading the accounts",
                reason: error.to_string(),
            })?;
        }
        Ok(Box::new(subject))
    }
}

struct AskingCaller {
    shop: Arc<OpenShop>,
    random: Rng,
}

impl Caller for AskingCaller {
    async fn call(&mut self) -> Outcome {
        let OpenShop { shop, dataset } = &*self.shop;
        let accounts = &dataset.accounts;
        let id = &accounts[self.random.usize(..accounts.len())];
        outcome(shop.account(id, deadline()).await)
    }
}
