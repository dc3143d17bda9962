//! `actors-place`: orders placed by calling the shop in this process: actors and journal without HTTP and GraphQL.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_actors::{OrderInput, OrderLineInput, Request, ShopConfig};
use fritzy_domain::{FingerprintBuilder, KeyScope};

use super::allowed_settings::Setting;
use super::basket::Basket;
use super::dataset::{Things, Wanted};
use super::shop::{deadline, outcome, unkeyed};
use super::shop_system::{OpenShop, ShopSubject};
use super::{Reach, Scenario, SetUp, Subject};
use crate::BenchError;
use crate::load::{Caller, Outcome};
use crate::random::SplitMix64;

/// The scenario.
pub(super) struct ActorsPlace;

#[async_trait]
impl Scenario for ActorsPlace {
    fn name(&self) -> &'static str {
        "actors-place"
    }

    fn about(&self) -> &'static str {
        "orders of two lines placed in process, on SQLite or PostgreSQL (each commit synced) or in memory"
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
            Setting::Kafka,
            Setting::BatchLenMax,
        ]
    }

    async fn set_up(&self, set_up: &SetUp<'_>) -> Result<Box<dyn Subject>, BenchError> {
        let wanted = Wanted::by(set_up.settings);
        let config = ShopConfig::default();
        let subject = ShopSubject::open(set_up, config, wanted, |shop, settings, plan, number| {
            Placing {
                shop: shop.clone(),
                random: SplitMix64::of(&[plan.seed, plan.repetition as u64, number as u64]),
                keyed: settings.keyed,
                caller: number,
                placed: 0,
            }
        });
        Ok(Box::new(subject.await?))
    }
}

struct Placing {
    shop: Arc<OpenShop>,
    random: SplitMix64,
    keyed: bool,
    caller: usize,
    placed: u64,
}

impl Caller for Placing {
    async fn call(&mut self) -> Outcome {
        let OpenShop { shop, things } = &*self.shop;
        let Things {
            accounts, products, ..
        } = things;
        let basket = Basket::choose(&mut self.random, accounts.len(), products.len());
        let line = |(product, quantity): (usize, u8)| OrderLineInput {
            product_id: products[product].clone(),
            quantity: i64::from(quantity),
        };
        let input = OrderInput {
            account_id: accounts[basket.account].clone(),
            lines: basket.lines.into_iter().map(line).collect(),
        };
        self.placed += 1;
        let request = if self.keyed {
            keyed(&format!("{}:{}", self.caller, self.placed), &input)
        } else {
            unkeyed()
        };
        outcome(shop.place_order(&request, &input).await)
    }
}

/// A request with a key, as the gateway makes it.
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
