//! The clients of the load: each has accounts of its own, sends one request after the other to
//! nodes at random, and repeats none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use super::api::{Api, Failure};
use super::ledger::{Ledger, WrongAnswer};
use super::shared::{Sent, Shared};
use crate::random::seeded;

/// Enough that some wait for a shard while others go on.
pub(crate) const CLIENTS: usize = 24;
/// Accounts that a client uses at a time: the newest.
const ACCOUNTS_USED: usize = 8;
/// Orders of an account, then the client turns to another: lists stay short.
const ORDERS_PER_ACCOUNT: u64 = 40;
/// Orders of an account that are read and changed: the newest.
const ORDERS_USED: usize = 5;
/// Accounts on a page of the list.
const LIST_LEN: usize = 20;

/// One client.
pub(crate) struct Client {
    number: usize,
    shared: Arc<Shared>,
    apis: Vec<Api>,
    product: String,
    rng: Rng,
    /// The mean pause between two requests.
    pause: Duration,
    ledger: Ledger,
    accounts: VecDeque<String>,
    /// Numbers names and keys.
    requests: u64,
    run: u64,
}

/// What a client orders.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) price_minor: u64,
}

/// The mutations of an order, and the status that each makes of which.
const CHANGES: [(&str, &str, &str); 3] = [
    ("CREATED", "confirmOrder", "CONFIRMED"),
    ("CREATED", "cancelOrder", "CANCELLED"),
    ("CONFIRMED", "completeOrder", "COMPLETED"),
];

impl Client {
    /// A client that sends about `rate_per_s / CLIENTS` requests a second.
    pub(crate) fn new(
        number: usize,
        (seed, rate_per_s): (u64, u32),
        shared: Arc<Shared>,
        apis: Vec<Api>,
        product: &Product,
    ) -> Self {
        let mut rng = seeded(&[seed, 1, number as u64]);
        Self {
            number,
            shared,
            apis,
            product: product.id.clone(),
            run: rng.u64(..),
            rng,
            pause: Duration::from_secs_f64(CLIENTS as f64 / f64::from(rate_per_s)),
            ledger: Ledger::new(product.price_minor),
            accounts: VecDeque::new(),
            requests: 0,
        }
    }

    /// Sends requests until the load is over. Returns what is known of its entities.
    pub(crate) async fn run(mut self) -> Ledger {
        let mut phases = self.shared.phases();
        loop {
            let pause = self.pause.mul_f64(2.0 * self.rng.f64());
            tokio::select! {
                () = sleep(pause) => {}
                _ = phases.wait_for(|phase| phase.is_over) => return self.ledger,
            }
            self.requests += 1;
            self.request().await;
        }
    }

    async fn request(&mut self) {
        let Some(account) = self.rng.choice(&self.accounts).cloned() else {
            return self.create_account().await;
        };
        let orders = self.ledger.newest_orders(&account, ORDERS_USED);
        let order = self.rng.choice(&orders).cloned();
        match (self.rng.u32(..100), order) {
            (0..5, _) => self.create_account().await,
            (5..15, _) => self.rename(&account).await,
            (15..30, _) => self.read_account(&account).await,
            (30..45, Some(order)) => self.change_order(&account, &order).await,
            (45..55, Some(order)) => self.read_order(&account, &order).await,
            (55..63, _) => self.list_orders(&account).await,
            (63..65, _) => self.list_accounts().await,
            _ => self.place_order(&account).await,
        }
    }

    async fn create_account(&mut self) {
        let name = format!("soak {} {}", self.number, self.requests);
        let result = self
            .send("create account", async |api| {
                api.create_account(&name).await
            })
            .await;
        match result {
            Ok(created) => {
                self.ledger.account_created(&created.id, &name);
                self.accounts.push_back(created.id);
                if self.accounts.len() > ACCOUNTS_USED {
                    self.accounts.pop_front();
                }
            }
            Err(Failure::NotDone(_)) => {}
            Err(_) => self.ledger.account_unknown(&name),
        }
    }

    async fn rename(&mut self, account: &str) {
        let name = format!("renamed {} {}", self.number, self.requests);
        let result = self
            .send("rename account", async |api| {
                api.rename_account(account, &name).await
            })
            .await;
        match result {
            Ok(seen) => {
                let renamed = self
                    .ledger
                    .renamed(account, &name, (seen.version, &seen.name));
                self.judge(renamed);
            }
            Err(Failure::NotDone(_)) => {}
            Err(_) => self.ledger.rename_unknown(account, &name),
        }
    }

    async fn read_account(&mut self, account: &str) {
        if let Ok(seen) = self
            .send("read account", async |api| api.read_account(account).await)
            .await
        {
            let read = self
                .ledger
                .account_read(account, (seen.version, &seen.name));
            self.judge(read);
        }
    }

    async fn place_order(&mut self, account: &str) {
        let quantity = self.ledger.next_quantity(account);
        let key = format!("soak {:x} {} {}", self.run, self.number, self.requests);
        let product = self.product.clone();
        let placed = self.send("place order", async |api| {
            api.place_order(account, (&product, quantity), &key).await
        });
        match placed.await {
            Ok(seen) => {
                let placed = self.ledger.order_placed(account, quantity, &seen);
                self.judge(placed);
            }
            Err(Failure::NotDone(_)) => {}
            Err(_) => self.ledger.order_unknown(account, quantity),
        }
        if self.ledger.orders_requested(account) >= ORDERS_PER_ACCOUNT {
            self.accounts.retain(|used| used != account);
        }
    }

    /// Changes the status of an order. One whose status is not certain, or final, is read.
    async fn change_order(&mut self, account: &str, order: &str) {
        let status = self.ledger.certain_status(account, order);
        let possible = CHANGES.iter().filter(|(from, ..)| status == Some(*from));
        let possible: Vec<_> = possible.collect();
        let Some((_, mutation, to)) = self.rng.choice(possible) else {
            return self.read_order(account, order).await;
        };
        match self
            .send("change order", async |api| {
                api.change_order(order, mutation).await
            })
            .await
        {
            Ok(seen) => {
                let changed = self.ledger.order_changed(account, to, &seen);
                self.judge(changed);
            }
            Err(Failure::NotDone(_)) => {}
            Err(_) => self.ledger.change_unknown(account, order, to),
        }
    }

    async fn read_order(&mut self, account: &str, order: &str) {
        if let Ok(seen) = self
            .send("read order", async |api| api.read_order(order).await)
            .await
        {
            let read = self.ledger.order_read(account, &seen);
            self.judge(read);
        }
    }

    async fn list_orders(&mut self, account: &str) {
        if let Ok(listed) = self
            .send("list orders", async |api| api.list_orders(account).await)
            .await
        {
            for wrong in self.ledger.orders_listed(account, &listed) {
                self.shared.add_wrong(wrong);
            }
        }
    }

    /// The accounts of others are on the page as well, so only its success is judged.
    async fn list_accounts(&mut self) {
        let _ = self
            .send("list accounts", async |api| {
                api.list_accounts(0, LIST_LEN).await
            })
            .await;
    }

    /// Sends a request to any node, also to one that does not run: clients do not know.
    async fn send<T>(
        &mut self,
        operation: &'static str,
        request: impl AsyncFnOnce(&Api) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let node = self.rng.usize(..self.apis.len());
        let sent = Sent {
            operation,
            node,
            at: self.shared.elapsed(),
            during_fault: self.shared.phase().has_fault,
        };
        let result = request(&self.apis[node]).await;
        self.shared.add_request(sent, result.as_ref().err());
        result
    }

    fn judge(&self, result: Result<(), WrongAnswer>) {
        if let Err(wrong) = result {
            self.shared.add_wrong(wrong);
        }
    }
}
