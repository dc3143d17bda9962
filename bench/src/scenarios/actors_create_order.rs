//! `actors-place`: creates orders by calling the shop in this process: actors and journal without
//! HTTP and GraphQL.

use fastrand::Rng;
use std::sync::Arc;

use async_trait::async_trait;
use fritzy_actors::{OrderInput, OrderLineInput, Request, ShopConfig};
use fritzy_domain::{AnnotationsInput, FingerprintBuilder, KeyScope};

use super::allowed_settings::Setting;
use super::basket::Basket;
use super::dataset::{Dataset, DatasetSize};
use super::shop::{deadline, outcome, unkeyed};
use super::shop_system::{OpenShop, ShopSystem};
use super::{Reach, Scenario, SetUp, SystemUnderTest};
use crate::BenchError;
use crate::load::{Caller, Outcome};
use crate::random::seeded;

pub(super) struct ActorsCreateOrder;

#[async_trait]
impl Scenario for ActorsCreateOrder {
    fn name(&self) -> &'static str {
        "actors-place"
    }

    fn about(&self) -> &'static str {
        "orders of two lines created in process, on SQLite or PostgreSQL (each commit fsynced) or in memory"
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
            Setting::Store,
            Setting::Postgres,
            Setting::Committers,
            Setting::Fill,
            Setting::CopyOf,
            Setting::Kafka,
            Setting::BatchLenMax,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn SystemUnderTest>, BenchError> {
        let size = DatasetSize::from_settings(set_up.settings);
        let config = ShopConfig::default();
        let subject = ShopSystem::open(set_up, config, size, |shop, settings, plan, number| {
            CreatingCaller {
                shop: shop.clone(),
                random: seeded(&[plan.seed, plan.repetition as u64, number as u64]),
                keyed: settings.keyed,
                caller: number,
                created: 0,
            }
        });
        Ok(Box::new(subject.await?))
    }
}

struct CreatingCaller {
    shop: Arc<OpenShop>,
    random: Rng,
    keyed: bool,
    caller: usize,
    created: u64,
}

impl Caller for CreatingCaller {
    async fn call(&mut self) -> Outcome {
        let OpenShop { shop, dataset } = &*self.shop;
        let Dataset {
            accounts, products, ..
        } = dataset;
        let basket = Basket::choose(&mut self.random, accounts.len(), products.len());
        let line = |(product, quantity): (usize, u8)| OrderLineInput {
            product_id: products[product].clone(),
            quantity: i64::from(quantity),
        };
        let input = OrderInput {
            account_id: accounts[basket.account].clone(),
            lines: basket.lines.into_iter().map(line).collect(),
            annotations: AnnotationsInput::default(),
        };
        self.created += 1;
        let request = if self.keyed {
            keyed(&format!("{}:{}", self.caller, self.created), &input)
        } else {
            unkeyed()
        };
        outcome(shop.place_order(&request, &input).await)
    }
}

/// A request with an idempotency key, as the gateway creates it.
fn keyed(key: &str, input: &OrderInput) -> Request {
    let scope = KeyScope {
        tenant: "",
        caller: "",
        mutation: "createOrder",
        target: "",
        key,
        path: "",
    };
    let print = FingerprintBuilder::default().text(&input.account_id);
    let print = input.lines.iter().fold(print, |print, line| {
        print.text(&line.product_id).number(line.quantity)
    });
    Request {
        command: scope.command_id(),
        fingerprint: Some(print.finish()),
        deadline: deadline(),
    }
}
