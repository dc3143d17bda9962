//! A shop on in-memory stores, with faults to inject.

use std::sync::Arc;
use std::time::Duration;

use fritzy_actors::{
    OrderInput, OrderLineInput, PriceInput, ProductInput, Request, Shop, ShopConfig, ShopError,
};
use fritzy_domain::{
    Account, AccountId, AnnotationsInput, CommandId, Fingerprint, FingerprintBuilder, KeyScope,
    Order, Page, Product, Stored, UnlimitedBudget,
};
use fritzy_persistence::{CommitterConfig, MemoryConfig, Stores};
use fritzy_types::{Deadline, NodeId, ShardCount};
use uuid::Uuid;

use crate::faults::{Faults, FaultyJournal, SlowReads};

pub(crate) struct Fixture {
    pub(crate) shop: Arc<Shop>,
    pub(crate) faults: Arc<Faults>,
}

pub(crate) fn deadline() -> Deadline {
    in_ms(30_000)
}

pub(crate) fn in_ms(ms: u64) -> Deadline {
    Deadline::at((tokio::time::Instant::now() + Duration::from_millis(ms)).into_std())
}

/// A request without an idempotency key.
pub(crate) fn unkeyed() -> Request {
    Request {
        command: CommandId::from_uuid(Uuid::now_v7()),
        fingerprint: None,
        deadline: deadline(),
    }
}

/// A request with an idempotency key and this content.
pub(crate) fn keyed(mutation: &str, key: &str, content: &str) -> Request {
    let scope = KeyScope {
        tenant: "",
        caller: "",
        mutation,
        target: "",
        key,
        path: "",
    };
    let fingerprint: Fingerprint = FingerprintBuilder::default().text(content).finish();
    Request {
        command: scope.command_id(),
        fingerprint: Some(fingerprint),
        deadline: deadline(),
    }
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(ShopConfig::default()).await
    }

    pub(crate) async fn with(config: ShopConfig) -> Self {
        let shards = ShardCount::new(8).expect("in range");
        let memory = MemoryConfig {
            shards,
            committer: CommitterConfig::default(),
        };
        let stores = Stores::in_memory(memory);
        let faults = Arc::new(Faults::default());
        let journal = FaultyJournal {
            inner: stores.journal.clone(),
            faults: faults.clone(),
        };
        let reads = SlowReads {
            inner: stores.read_model.clone(),
            faults: faults.clone(),
        };
        let me = NodeId::from_uuid(Uuid::now_v7());
        let ownership = stores.ownership.as_ref();
        let shop = Shop::start(
            config,
            me,
            journal.into_journal(),
            Arc::new(reads),
            ownership,
        )
        .await;
        Self {
            shop: Arc::new(shop.expect("starts")),
            faults,
        }
    }

    pub(crate) async fn account(&self) -> Account {
        let created = self
            .shop
            .create_account(&unkeyed(), "John Doe".into())
            .await;
        created.expect("created").state
    }

    pub(crate) async fn product(&self, price: &str) -> Product {
        let input = product_input(price, "USD");
        self.shop
            .create_product(&unkeyed(), input)
            .await
            .expect("created")
            .state
    }

    pub(crate) async fn order(&self) -> Stored<Order> {
        let (account, product) = (self.account().await, self.product("999.99").await);
        let input = order_input(&account, &[(&product, 2)]);
        self.shop
            .place_order(&unkeyed(), &input)
            .await
            .expect("placed")
    }

    pub(crate) async fn orders_of(&self, account: &AccountId) -> Vec<Stored<Order>> {
        let page = Page {
            skip: 0,
            take: 1_000,
        };
        let lists = self
            .shop
            .lists()
            .orders_of(&[*account], page, &UnlimitedBudget)
            .await
            .expect("reads");
        lists.into_iter().next().expect("one list")
    }
}

pub(crate) fn product_input(price: &str, currency: &str) -> ProductInput {
    ProductInput {
        name: "iPhone 15".into(),
        description: "Latest iPhone".into(),
        price: PriceInput {
            amount: price.into(),
            amount_field: "price",
            currency: currency.into(),
        },
        annotations: AnnotationsInput::default(),
    }
}

pub(crate) fn order_input(account: &Account, lines: &[(&Product, i64)]) -> OrderInput {
    let line = |(product, quantity): &(&Product, i64)| OrderLineInput {
        product_id: product.id.to_string(),
        quantity: *quantity,
    };
    OrderInput {
        account_id: account.id.to_string(),
        lines: lines.iter().map(line).collect(),
        annotations: AnnotationsInput::default(),
    }
}

/// The argument that a rejection names.
pub(crate) fn field_of<T: std::fmt::Debug>(result: &Result<T, ShopError>) -> Option<&str> {
    match result {
        Err(ShopError::Rejected(rejection)) => rejection.field(),
        other => panic!("not rejected: {other:?}"),
    }
}
