//! Clients in a closed loop, whose requests must all succeed the first time: none is repeated. Each
//! records what it observed, which is compared with the shop afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fritzy_testbed_shop::Api;
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

/// Running clients, each with one request in flight.
pub(crate) struct ClosedLoop {
    clients: Vec<JoinHandle<Client>>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

/// The observations of all clients.
pub(crate) struct ClientObservations {
    clients: Vec<Client>,
}

/// One client. No other one changes its account and its product.
struct Client {
    api: Api,
    name: String,
    account: String,
    product: String,
    /// How many requests it has sent.
    sent: u64,
    /// The quantity of each requested order, with the id that was acknowledged.
    orders: BTreeMap<u64, Option<String>>,
    /// The last acknowledged name.
    renamed: String,
    failures: Vec<String>,
    /// When each request was sent, and how long it took.
    took: Vec<(Instant, Duration)>,
    /// When the current request was due; without a pace, when the one before it was answered.
    due: Instant,
}

impl ClosedLoop {
    /// Starts `count` clients, once each has its account and its product.
    pub(crate) async fn start(api: &Api, count: usize) -> Self {
        Self::start_paced(std::slice::from_ref(api), count, None).await
    }

    /// Starts `count` clients, in turn on each of these nodes. With a pace, each sends a request
    /// per interval, and measures it from when it was due: a client that waits for a response sends
    /// the missed requests afterwards.
    pub(crate) async fn start_paced(apis: &[Api], count: usize, pace: Option<Duration>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicUsize::new(0));
        let mut clients = Vec::new();
        // Names, and with them keys, are never used twice.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        for api in apis.iter().cycle().take(count) {
            let name = format!("client {}", STARTED.fetch_add(1, Ordering::Relaxed));
            clients.push(Client::new(api.clone(), name).await);
        }
        let run = |client: Client| tokio::spawn(client.run(pace, stop.clone(), answered.clone()));
        let clients = clients.into_iter().map(run).collect();
        Self {
            clients,
            stop,
            answered,
        }
    }

    /// How many requests were answered.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Stops the clients after their current request.
    pub(crate) async fn stop(self) -> ClientObservations {
        self.stop.store(true, Ordering::Relaxed);
        let mut clients = Vec::new();
        for client in self.clients {
            clients.push(client.await.expect("no panic"));
        }
        ClientObservations { clients }
    }
}

impl ClientObservations {
    pub(crate) fn requests(&self) -> u64 {
        self.clients.iter().map(|client| client.sent).sum()
    }

    /// The observations of those clients whose account and product fulfil a condition.
    pub(crate) fn of(mut self, are_such: impl Fn([&str; 2]) -> bool) -> Self {
        self.clients
            .retain(|client| are_such([&client.account, &client.product]));
        self
    }

    /// Everything but 200 without errors.
    pub(crate) fn failures(&self) -> Vec<&String> {
        let failures = self.clients.iter().flat_map(|client| &client.failures);
        failures.collect()
    }

    /// The latencies of requests that were due in this period: p99, p99.9, and the maximum.
    pub(crate) fn latencies(&self, from: Instant, until: Instant) -> [Duration; 3] {
        let sent = self.clients.iter().flat_map(|client| &client.took);
        let of_then = sent.filter(|(sent, _)| (from..until).contains(sent));
        let mut took: Vec<Duration> = of_then.map(|(_, took)| *took).collect();
        took.sort_unstable();
        [100, 1_000, usize::MAX].map(|of| {
            let at = took.len().saturating_sub(1 + took.len() / of);
            took.get(at).copied().unwrap_or_default()
        })
    }

    /// Requires every acknowledged order once, under its acknowledged id (I1, I8), and no order
    /// that was not requested; and the last acknowledged name of every account.
    pub(crate) async fn require_kept(&self, api: &Api) {
        for client in &self.clients {
            let mut found = BTreeMap::new();
            for order in client.all_orders(api).await {
                let quantity = order["products"][0]["quantity"].as_u64();
                let quantity = quantity.expect("a quantity");
                let id = order["id"].as_str().expect("an id").to_owned();
                let asked = client.orders.get(&quantity);
                let asked = asked.unwrap_or_else(|| panic!("never requested: {order}"));
                let observed = asked.as_ref().is_none_or(|observed| *observed == id);
                assert!(observed, "I1: acknowledged as {asked:?}: {order}");
                let before = found.insert(quantity, id);
                assert_eq!(before, None, "I8: {order} exists twice");
            }
            for (quantity, observed) in &client.orders {
                let is_kept = observed.is_none() || found.contains_key(quantity);
                assert!(is_kept, "I1: {observed:?} is lost");
            }
            let read = "query($id: String!) { accounts(id: $id) { name } }";
            let read = api.run_with(read, json!({ "id": client.account })).await;
            assert_eq!(read.text_at("/accounts/0/name"), client.renamed);
        }
    }
}

impl Client {
    async fn new(api: Api, name: String) -> Self {
        let account = "mutation($name: String!) { createAccount(account: { name: $name }) { id } }";
        let account = api.run_with(account, json!({ "name": name })).await;
        let product = "mutation($name: String!) {
            createProduct(product: { name: $name, description: \"\", price: 0.5 }) { id } }";
        let product = api.run_with(product, json!({ "name": name })).await;
        Self {
            account: account.text_at("/createAccount/id"),
            product: product.text_at("/createProduct/id"),
            api,
            renamed: name.clone(),
            name,
            sent: 0,
            orders: BTreeMap::new(),
            failures: Vec::new(),
            took: Vec::new(),
            due: Instant::now(),
        }
    }

    async fn run(
        mut self,
        pace: Option<Duration>,
        stop: Arc<AtomicBool>,
        answered: Arc<AtomicUsize>,
    ) -> Self {
        self.due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            if let Some(pace) = pace {
                self.due += pace;
                sleep_until(self.due.into()).await;
            } else {
                self.due = Instant::now();
            }
            self.sent += 1;
            let n = self.sent;
            // With a key and without one, in turn.
            let key = (n / 4)
                .is_multiple_of(2)
                .then(|| format!("{} {n}", self.name));
            match n % 4 {
                0 => self.rename(n, key).await,
                1 => self.read().await,
                _ => self.order(n, key).await,
            }
            answered.fetch_add(1, Ordering::Relaxed);
        }
        self
    }

    async fn order(&mut self, quantity: u64, key: Option<String>) {
        let document = "mutation($account: String!, $product: String!, $quantity: Int!, $key: String) {
            done: createOrder(order: { accountId: $account,
                products: [{ productId: $product, quantity: $quantity }] }, idempotencyKey: $key) { id } }";
        let variables = json!({
            "account": self.account, "product": self.product, "quantity": quantity, "key": key,
        });
        let data = self.ask(document, variables).await;
        let id = data.and_then(|data| Some(data["done"]["id"].as_str()?.to_owned()));
        self.orders.insert(quantity, id);
    }

    async fn rename(&mut self, n: u64, key: Option<String>) {
        let document = "mutation($id: String!, $name: String!, $key: String) {
            done: renameAccount(id: $id, name: $name, idempotencyKey: $key) { id } }";
        let name = format!("{} the {n}th", self.name);
        let variables = json!({ "id": self.account, "name": name, "key": key });
        if self.ask(document, variables).await.is_some() {
            self.renamed = name;
        }
    }

    /// Reads its own writes, and a list.
    async fn read(&mut self) {
        let document = "query($id: String!) {
            accounts(id: $id) { name }
            products(pagination: { take: 3 }) { id } }";
        let variables = json!({ "id": self.account });
        let Some(data) = self.ask(document, variables).await else {
            return;
        };
        if data["accounts"][0]["name"] != self.renamed {
            let wrong = format!("I3: {} is called {}", self.renamed, data["accounts"]);
            self.failures.push(wrong);
        }
    }

    /// The data of a response without errors; everything else is recorded.
    async fn ask(&mut self, document: &str, variables: Value) -> Option<Value> {
        let body = json!({ "query": document, "variables": variables });
        let answered = self.api.try_send(self.api.post(), body.to_string()).await;
        let took = self.due.elapsed();
        self.took.push((self.due, took));
        let failure = match answered {
            Ok(response) if response.status == StatusCode::OK => {
                let mut json = response.json();
                if json.get("errors").is_none() {
                    return Some(json["data"].take());
                }
                response.text
            }
            Ok(response) => format!("{} {}", response.status, response.text),
            Err(failure) => failure,
        };
        self.failures
            .push(format!("after {took:?}: {failure} ({variables})"));
        None
    }

    async fn all_orders(&self, api: &Api) -> Vec<Value> {
        let document = "query($id: String!, $after: String) { accounts(id: $id) {
            ordersConnection(first: 500, after: $after) {
                nodes { id products { quantity } } pageInfo { hasNextPage endCursor } } } }";
        let mut orders = Vec::new();
        let mut after = Value::Null;
        loop {
            let variables = json!({ "id": self.account, "after": after });
            let page = api.run_with(document, variables).await;
            let page = page.data("/accounts/0/ordersConnection");
            orders.extend(page["nodes"].as_array().expect("a list").iter().cloned());
            if page["pageInfo"]["hasNextPage"] != true {
                return orders;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }
}
