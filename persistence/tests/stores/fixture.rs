//! Open stores on empty databases, and appends as an entity actor makes them: with `decide` and
//! `evolve`.

use std::time::{Duration, Instant};

use fritzy_domain::{
    Account, AccountCommand, AccountId, Annotations, Append, AppendError, AppendOutcome, Command,
    CommandId, Currency, DecisionContext, EntityId, Event, EventId, Fingerprint, Money,
    OrderCommand, PlaceOrder, ProductCommand, ProductId, Quote, QuotedLine, State, Version,
};
use fritzy_persistence::{CommitterConfig, MemoryConfig, PostgresConfig, SqliteConfig, Stores};
use fritzy_testbed::{ServiceError, shared_postgres};
use fritzy_types::{Deadline, NodeId, ShardCount, ShardId, ShardLease, Timestamp};
use tempfile::TempDir;
use uuid::Uuid;

/// Few shards, so that each holds several entities.
pub(crate) const SHARDS: u16 = 4;

/// Fails a test that waits longer for something that must happen.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The stores of one database, and the leases that appends are written under.
pub(crate) struct Fixture {
    pub(crate) stores: Stores,
    pub(crate) owner: NodeId,
    pub(crate) leases: Vec<ShardLease>,
    /// Deleted when the test ends.
    _folder: Option<TempDir>,
}

pub(crate) fn sqlite_config(folder: &TempDir) -> SqliteConfig {
    SqliteConfig {
        shards: ShardCount::new(SHARDS).expect("in range"),
        ..SqliteConfig::new(folder.path().join("fritzy.db"))
    }
}

/// Creates an empty database for one test, for [`skip_unless!`](fritzy_testbed::skip_unless).
pub(crate) fn postgres_config() -> Result<PostgresConfig, ServiceError> {
    let url = shared_postgres()?.fresh_database().expect("a database");
    Ok(PostgresConfig {
        shards: ShardCount::new(SHARDS).expect("in range"),
        ..PostgresConfig::new(url)
    })
}

impl Fixture {
    /// Always there; a result, as the suite expects of each store.
    pub(crate) async fn memory() -> Result<Self, ServiceError> {
        let shards = ShardCount::new(SHARDS).expect("in range");
        let config = MemoryConfig {
            shards,
            committer: CommitterConfig::default(),
        };
        Ok(Self::unclaimed(Stores::in_memory(config), None))
    }

    /// Always there; a result, as the suite expects of each store.
    pub(crate) async fn sqlite() -> Result<Self, ServiceError> {
        let folder = TempDir::new().expect("a temporary folder");
        let stores = Stores::open_sqlite(sqlite_config(&folder)).await;
        Ok(Self::unclaimed(stores.expect("opens"), Some(folder)))
    }

    pub(crate) async fn postgres() -> Result<Self, ServiceError> {
        let config = postgres_config()?;
        let stores = Stores::open_postgres(config).await.expect("opens");
        Ok(Self::unclaimed(stores, None))
    }

    fn unclaimed(stores: Stores, folder: Option<TempDir>) -> Self {
        Self {
            stores,
            owner: node(1),
            leases: vec![],
            _folder: folder,
        }
    }

    /// Uses stores whose shards are claimed already.
    pub(crate) fn on(stores: Stores, leases: Vec<ShardLease>) -> Self {
        Self {
            stores,
            owner: leases[0].owner,
            leases,
            _folder: None,
        }
    }

    /// Uses stores of a test, with every shard claimed for `owner`.
    pub(crate) async fn claimed_by(owner: NodeId, stores: Stores) -> Self {
        Self::unclaimed_by(owner, stores).claimed().await
    }

    /// Uses stores of a test for `owner`, which owns nothing yet.
    pub(crate) fn unclaimed_by(owner: NodeId, stores: Stores) -> Self {
        Self {
            owner,
            ..Self::unclaimed(stores, None)
        }
    }

    /// Claims every shard for the fixture's owner.
    pub(crate) async fn claimed(mut self) -> Self {
        self.leases = self.claim(self.owner).await;
        self
    }

    pub(crate) async fn claim(&self, owner: NodeId) -> Vec<ShardLease> {
        let shards: Vec<ShardId> = self.stores.ownership.shard_count().all().collect();
        self.stores
            .ownership
            .claim(owner, &shards)
            .await
            .expect("claims")
    }

    pub(crate) fn lease_of(&self, entity: EntityId) -> ShardLease {
        let shard = self.stores.ownership.shard_count().shard_of(entity.slot());
        self.leases[usize::from(shard.0)]
    }

    pub(crate) async fn create_account(&self, number: u128) -> Result<AppendOutcome, AppendError> {
        self.stores.journal.append(self.new_account(number)).await
    }

    /// The creation of an account in shard `number % SHARDS`, at second `number`.
    pub(crate) fn new_account(&self, number: u128) -> Append {
        let command = Command::Account(AccountCommand::Create {
            name: format!("account {number}"),
            annotations: Annotations::default(),
        });
        self.creation(command, command_id(number), None)
    }

    pub(crate) fn new_product(&self, number: u128) -> Append {
        let command = Command::Product(ProductCommand::Create {
            name: format!("product {number}"),
            description: "a\nb 🧑‍🚀 'quoted' \"twice\"".into(),
            price: cents(999),
            annotations: Annotations::default(),
        });
        self.creation(command, command_id(number), None)
    }

    pub(crate) fn new_order(
        &self,
        number: u128,
        account: AccountId,
        key: Option<Fingerprint>,
    ) -> Append {
        let quote = Quote {
            product_id: ProductId::from_uuid(Uuid::from_u128(5)),
            version: 2,
            name: "CD at 14.66".into(),
            unit_price: cents(1_466),
        };
        let lines = vec![QuotedLine { quote, quantity: 3 }];
        let command = Command::Order(OrderCommand::Place(PlaceOrder {
            account_id: account,
            lines,
            annotations: Annotations::default(),
        }));
        self.creation(command, command_id(number), key)
    }

    fn creation(
        &self,
        command: Command,
        id: CommandId,
        fingerprint: Option<Fingerprint>,
    ) -> Append {
        self.decided(None, 0, command, id, fingerprint)
    }

    /// Returns what an entity actor appends for `command`, decided on the state `before` at version
    /// `after`.
    pub(crate) fn decided(
        &self,
        before: Option<State>,
        after: Version,
        command: Command,
        id: CommandId,
        fingerprint: Option<Fingerprint>,
    ) -> Append {
        let second = i64::try_from(id.as_uuid().as_u128() >> 16 & 0xFFFF).expect("small");
        let context = DecisionContext {
            now: Timestamp::from_micros(second * 1_000_000),
            command: id,
        };
        let events = State::decide(before.as_ref(), command, &context).expect("accepted");
        let state = events.iter().fold(before, State::evolve).expect("exists");
        let events: Vec<(EventId, Event)> = events
            .into_iter()
            .map(|event| (EventId::from_uuid(Uuid::new_v4()), event))
            .collect();
        let entity = state.id();
        Append {
            lease: self.lease_of(entity),
            entity,
            expected_version: after,
            command: id,
            fingerprint,
            events,
            state,
            deadline: Deadline::at(Instant::now() + Duration::from_secs(60)),
        }
    }
}

pub(crate) fn node(number: u128) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn command_id(number: u128) -> CommandId {
    // The last two bytes are the slot. An order has the slot of its account.
    CommandId::from_uuid(Uuid::from_u128(number << 16 | number & 0xFFFF))
}

pub(crate) fn account_id(number: u128) -> AccountId {
    command_id(number).new_account()
}

pub(crate) fn cents(minor_units: i64) -> Money {
    Money::from_minor_units(minor_units, Currency::USD).expect("in range")
}

pub(crate) fn account_of(append: &Append) -> &Account {
    match &append.state {
        State::Account(account) => account,
        other => panic!("{other:?}"),
    }
}
