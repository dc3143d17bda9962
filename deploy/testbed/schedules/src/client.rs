//! The clients: each sends one request after the other to nodes at random, and records what it
//! sees.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use fritzy_testbed_shop::Api;
use tokio::time::sleep;

use crate::observation::{Attempt, Change, Outcome, Request};
use crate::shop::{self, Basket, Kind, PatientApi, Said};

/// Between two requests of a client: enough of them in a run, and few enough for the checker.
const PAUSE_MS: std::ops::Range<u64> = 10..50;
/// Longer than a node takes for a request: a node that was stopped and fenced still has such
/// requests in its sockets when it goes on.
pub(crate) const PATIENCE: Duration = Duration::from_secs(11);
/// Of every other client, which goes on while a node is stopped.
const IMPATIENCE: Duration = Duration::from_millis(2_500);
/// Before a request is repeated under its key.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Attempts of a request under a key: some requests stay of unknown outcome.
const ATTEMPTS_MAX: usize = 6;
/// Orders that clients know: they meet at the newest.
const ORDERS_KNOWN: usize = 3;
/// Requests of a client; their numbers make names, prices and quantities unique.
const REQUESTS_MAX: u64 = 10_000;

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) apis: Vec<Api>,
    pub(crate) accounts: Vec<String>,
    pub(crate) products: Vec<String>,
    pub(crate) orders: Mutex<VecDeque<String>>,
    /// Time is counted from here.
    pub(crate) start: Instant,
    pub(crate) is_over: AtomicBool,
}

impl Shared {
    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).expect("runs are short")
    }

    /// The newest orders. A panic under this lock leaves nothing half done: ids are moved whole.
    pub(crate) fn orders(&self) -> Vec<String> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.iter().cloned().collect()
    }

    fn add_order(&self, id: &str) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if !orders.iter().any(|known| known == id) {
            orders.push_back(id.to_owned());
        }
        if orders.len() > ORDERS_KNOWN {
            orders.pop_front();
        }
    }
}

/// One client.
pub(crate) struct Client<'a> {
    number: usize,
    shared: &'a Shared,
    apis: Vec<PatientApi>,
    rng: Rng,
    request: u64,
    attempts: Vec<Attempt>,
}

impl<'a> Client<'a> {
    /// A client whose requests are determined by the schedule's seed and what it sees.
    pub(crate) fn new(number: usize, seed: u64, shared: &'a Shared) -> Self {
        let patience = match number % 2 {
            0 => IMPATIENCE,
            _ => PATIENCE,
        };
        let apis = shared.apis.iter().cloned();
        Self {
            number,
            shared,
            apis: apis.map(|api| PatientApi { api, patience }).collect(),
            rng: Rng::with_seed(seed.wrapping_mul(1_000).wrapping_add(number as u64)),
            request: 0,
            attempts: Vec::new(),
        }
    }

    /// Sends requests until the run is over. Returns all attempts.
    pub(crate) async fn run(mut self) -> Vec<Attempt> {
        while !self.shared.is_over.load(Ordering::Relaxed) && self.request < REQUESTS_MAX {
            self.request += 1;
            self.next().await;
            let pause = self.rng.u64(PAUSE_MS);
            sleep(Duration::from_millis(pause)).await;
        }
        self.attempts
    }

    async fn next(&mut self) {
        let accounts = &self.shared.accounts;
        let account = accounts[self.rng.usize(..accounts.len())].clone();
        let products = &self.shared.products;
        let product = products[self.rng.usize(..products.len())].clone();
        let orders = self.shared.orders();
        let order = match orders.len() {
            0 => None,
            some => Some(orders[self.rng.usize(..some)].clone()),
        };
        let (kind, id) = match self.rng.u8(..10) {
            0..4 => (Kind::Account, account.clone()),
            4..7 => (Kind::Product, product.clone()),
            7 => return self.place(Basket { account, product }).await,
            _ => match order {
                Some(order) => (Kind::Order, order),
                None => return self.place(Basket { account, product }).await,
            },
        };
        match self.rng.u8(..20) {
            0..8 => self.once(kind, &id, Request::Read).await,
            8 => self.once(kind, &id, Request::ReadHistory).await,
            _ => self.change(kind, &id).await,
        }
    }

    /// A number that no other request of the run has.
    fn mark(&self) -> u64 {
        (self.number as u64 + 1) * REQUESTS_MAX + self.request
    }

    async fn change(&mut self, kind: Kind, id: &str) {
        let mark = self.mark();
        let change = match (kind, self.rng.u8(..4)) {
            (Kind::Account, _) | (Kind::Product, 0 | 1) => Change::Renamed(format!("name {mark}")),
            (Kind::Product, _) => Change::Repriced(mark),
            (Kind::Order, 0) => Change::Cancelled(format!("reason {mark}")),
            (Kind::Order, 1) => Change::Completed,
            (Kind::Order, _) => Change::Confirmed,
        };
        let expected = match self.rng.bool() {
            true => self.known_version(id),
            false => None,
        };
        let key = (self.rng.u8(..3) > 0).then(|| format!("key {mark}"));
        let is_keyed = key.is_some();
        let wanted = Request::Change {
            change,
            key,
            expected,
        };
        match is_keyed {
            true => self.until_known(kind, id, &wanted).await,
            false => self.once(kind, id, wanted).await,
        }
    }

    /// The version that this client has last seen.
    fn known_version(&self, id: &str) -> Option<u64> {
        let mut attempts = self.attempts.iter().rev();
        attempts.find_map(|attempt| match &attempt.outcome {
            Outcome::Seen(view) if attempt.entity.as_deref() == Some(id) => Some(view.version),
            _ => None,
        })
    }

    async fn once(&mut self, kind: Kind, id: &str, wanted: Request) {
        let node = self.node();
        let began_us = self.shared.now_us();
        let said = shop::send(&self.apis[node], kind, id, &wanted).await;
        self.record(node, Some(id), wanted, began_us, said);
    }

    /// Repeats a request under its key, through any node, until its outcome is known.
    async fn until_known(&mut self, kind: Kind, id: &str, wanted: &Request) {
        for _ in 0..ATTEMPTS_MAX {
            self.once(kind, id, wanted.clone()).await;
            if self.is_settled() {
                return;
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    async fn place(&mut self, basket: Basket) {
        let quantity = self.mark();
        let key = format!("key {quantity}");
        for _ in 0..ATTEMPTS_MAX {
            let node = self.node();
            let began_us = self.shared.now_us();
            let said = shop::place(&self.apis[node], &basket, quantity, &key).await;
            let id = said.id.clone();
            let wanted = Request::Change {
                change: Change::Placed(quantity),
                key: Some(key.clone()),
                expected: None,
            };
            self.record(node, id.as_deref(), wanted, began_us, said);
            if let Some(id) = id {
                self.shared.add_order(&id);
            }
            if self.is_settled() {
                return;
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    /// Whether the last attempt has settled its request, or the run is over.
    fn is_settled(&self) -> bool {
        let last = self.attempts.last().map(|attempt| &attempt.outcome);
        let is_open = matches!(last, Some(Outcome::Unknown(_) | Outcome::NotDone(_)));
        !is_open || self.shared.is_over.load(Ordering::Relaxed)
    }

    fn node(&mut self) -> usize {
        self.rng.usize(..self.shared.apis.len())
    }

    fn record(
        &mut self,
        node: usize,
        entity: Option<&str>,
        wanted: Request,
        began_us: u64,
        said: Said,
    ) {
        let ended_us = self.shared.now_us();
        // Later reads of an order show the same lines.
        let is_placed = matches!(
            &wanted,
            Request::Change {
                change: Change::Placed(_),
                ..
            }
        );
        let quote = said.quote.filter(|_| is_placed);
        self.attempts.push(Attempt {
            client: self.number,
            request: self.request,
            node,
            entity: entity.map(str::to_owned),
            wanted,
            began_us,
            ended_us,
            outcome: said.outcome,
            quote,
        });
    }
}
