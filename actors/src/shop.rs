//! The shop: everything a front end can ask, wherever the answer lives.

use std::sync::Arc;
use std::time::Duration;

use fritzy_cluster::{Failure, Router, ShardMap};
use fritzy_domain::{
    Account, AccountCommand, AccountId, Command, Currency, Deadline, EntityId, Flaw, Journal, Kind,
    Money, NodeId, Order, OrderCommand, OrderId, Ownership, Page, Product, ProductCommand,
    ProductId, ReadModel, Rejection, ShardId, State, Stored,
};
use tracing::error;

use crate::activation::Activations;
use crate::answer::{Request, ShopError};
use crate::entity_actor::{ShardContext, read_failure};
use crate::local_shards::LocalShards;
use crate::messages::{ShardReply, ShardRequest, Snapshot};
use crate::residents::{ActorCounts, Residents};

/// A running shop on one node.
pub struct Shop {
    pub(crate) router: Router<LocalShards>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) read_model: Arc<dyn ReadModel>,
    residents: Residents,
}

/// The limits of a shop on one node.
#[derive(Clone, Copy, Debug)]
pub struct ShopConfig {
    /// Requests waiting for this node's shards at once; one more is refused as overload. Default
    /// 16 384: an order of two lines asks four times, so this admits some 4 000 orders at a time.
    pub requests_max: usize,
    /// Requests waiting for one entity at once. Default 256: a command takes a commit of its own, so
    /// the last of them waits for about a second.
    pub entity_queue_max: usize,
    /// Entities in memory at once; beyond it the longest unused leave. Default 32 768: at most 16 KiB
    /// each, so half a gigabyte.
    pub entities_max: usize,
    /// An entity that was not used for so long leaves memory. Default 10 minutes: longer than a
    /// customer's pauses.
    pub idle_after: Duration,
}

impl Default for ShopConfig {
    fn default() -> Self {
        Self {
            requests_max: 16_384,
            entity_queue_max: 256,
            entities_max: 32_768,
            idle_after: Duration::from_secs(600),
        }
    }
}

/// A price as the client wrote it.
#[derive(Clone, Debug)]
pub struct PriceInput {
    /// The amount, as decimal text.
    pub amount: String,
    /// The argument it came in, for refusals.
    pub amount_field: &'static str,
    /// The currency's code.
    pub currency: String,
}

/// A product as the client wrote it.
#[derive(Clone, Debug)]
pub struct ProductInput {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its price.
    pub price: PriceInput,
}

impl PriceInput {
    fn check(&self) -> Result<Money, Rejection> {
        let currency = Currency::from_code(&self.currency)
            .ok_or_else(|| Rejection::invalid("price.currency", Flaw::UnknownCurrency))?;
        Money::parse(&self.amount, currency, self.amount_field)
    }
}

impl Shop {
    /// Claims every shard for node `me` and starts their supervisors. From then on no earlier owner
    /// can commit.
    ///
    /// # Errors
    /// [`Failure`] when the stores do not answer.
    pub async fn start(
        config: ShopConfig,
        me: NodeId,
        journal: Arc<dyn Journal>,
        read_model: Arc<dyn ReadModel>,
        ownership: &dyn Ownership,
    ) -> Result<Self, Failure> {
        let map = Arc::new(ShardMap::new(ownership.shard_count()));
        let shards: Vec<ShardId> = ownership.shard_count().all().collect();
        let leases = ownership.claim(me, &shards).await.map_err(read_failure)?;
        let activations = Activations::start(read_model.clone());
        let residents = Residents::new(config.entities_max, config.idle_after);
        let contexts = leases.iter().map(|&lease| ShardContext {
            lease,
            journal: journal.clone(),
            activations: activations.clone(),
            residents: residents.clone(),
            entity_queue_max: config.entity_queue_max,
        });
        let local = LocalShards::start(
            contexts.collect(),
            config.requests_max,
            config.idle_after / 4,
        )
        .await
        .map_err(|failure| {
            error!(%failure, "the shards did not start");
            Failure::Internal
        })?;
        map.record(&leases);
        Ok(Self {
            router: Router::new(me, map, local),
            journal,
            read_model,
            residents,
        })
    }

    /// How many entities are in memory, and how many left or died so far.
    pub fn actor_counts(&self) -> ActorCounts {
        self.residents.counts()
    }

    /// Stops every actor. Call it when nobody waits for an answer any more.
    pub async fn stop(&self) {
        self.router.local().stop().await;
    }

    /// Creates an account.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn create_account(
        &self,
        request: &Request,
        name: String,
    ) -> Result<Stored<Account>, ShopError> {
        let shard = self.router.shard_of(request.command.new_account().slot());
        let command = Command::Account(AccountCommand::Create { name });
        let created = self.create(Kind::Account, shard, command, request).await?;
        Ok(account_of(&created))
    }

    /// Creates a product.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn create_product(
        &self,
        request: &Request,
        input: ProductInput,
    ) -> Result<Stored<Product>, ShopError> {
        let created = match input.price.check() {
            Ok(price) => {
                let shard = self.router.shard_of(request.command.new_product().slot());
                let ProductInput {
                    name, description, ..
                } = input;
                let command = Command::Product(ProductCommand::Create {
                    name,
                    description,
                    price,
                });
                self.create(Kind::Product, shard, command, request).await?
            }
            Err(rejection) => {
                self.refuse_creation(Kind::Product, request, rejection)
                    .await?
            }
        };
        Ok(product_of(&created))
    }

    /// Sends an order a command other than the one that places it.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn command_order(
        &self,
        request: &Request,
        id: &str,
        command: OrderCommand,
    ) -> Result<Stored<Order>, ShopError> {
        let entity = EntityId::from(OrderId::parse(id, "id")?);
        let shard = self.router.shard_of(entity.slot());
        let ask = ShardRequest::Execute {
            entity,
            command: Command::Order(command),
            request: *request,
        };
        let reply = self.router.ask(shard, request.deadline, ask).await?;
        Ok(order_of(&existing(reply, Kind::Order, id)?))
    }

    /// The account with this id.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn account(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<Stored<Account>, ShopError> {
        let reply = self
            .read(AccountId::parse(id, "id")?.into(), deadline)
            .await?;
        Ok(account_of(&existing(reply, Kind::Account, id)?))
    }

    /// The product with this id.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn product(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<Stored<Product>, ShopError> {
        let reply = self
            .read(ProductId::parse(id, "id")?.into(), deadline)
            .await?;
        Ok(product_of(&existing(reply, Kind::Product, id)?))
    }

    /// The order with this id.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn order(&self, id: &str, deadline: Deadline) -> Result<Stored<Order>, ShopError> {
        let reply = self
            .read(OrderId::parse(id, "id")?.into(), deadline)
            .await?;
        Ok(order_of(&existing(reply, Kind::Order, id)?))
    }

    /// Accounts by (created at, id).
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn accounts(&self, page: Page) -> Result<Vec<Stored<Account>>, ShopError> {
        Ok(self.read_model.accounts(page).await.map_err(read_failure)?)
    }

    /// Products by (created at, id).
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn products(&self, page: Page) -> Result<Vec<Stored<Product>>, ShopError> {
        Ok(self.read_model.products(page).await.map_err(read_failure)?)
    }

    /// The products with these ids, from their state rows, in one read; `None` for what does not exist.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn products_by_id(
        &self,
        ids: &[ProductId],
    ) -> Result<Vec<Option<Stored<Product>>>, ShopError> {
        let ids: Vec<EntityId> = ids.iter().map(|id| EntityId::from(*id)).collect();
        let rows = self.read_model.load(&ids).await.map_err(read_failure)?;
        Ok(rows
            .into_iter()
            .map(|row| row.map(|row| product_of(&Arc::new(row))))
            .collect())
    }

    /// The orders of each of `accounts` (no account twice), each list by (created at, id), in one read.
    ///
    /// # Errors
    /// [`ShopError`]
    pub async fn orders_of(
        &self,
        accounts: &[AccountId],
        page: Page,
    ) -> Result<Vec<Vec<Stored<Order>>>, ShopError> {
        Ok(self
            .read_model
            .orders_of(accounts, page)
            .await
            .map_err(read_failure)?)
    }

    pub(crate) async fn read(
        &self,
        entity: EntityId,
        deadline: Deadline,
    ) -> Result<ShardReply, Failure> {
        let shard = self.router.shard_of(entity.slot());
        self.router
            .ask(shard, deadline, ShardRequest::Read { entity })
            .await
    }

    /// Has a creation decided; a repeated one answers what the first made.
    pub(crate) async fn create(
        &self,
        kind: Kind,
        shard: ShardId,
        command: Command,
        request: &Request,
    ) -> Result<Snapshot, ShopError> {
        let ask = ShardRequest::Create {
            command,
            request: *request,
        };
        match self.router.ask(shard, request.deadline, ask).await? {
            ShardReply::State(created) => Ok(created),
            ShardReply::Rejected(rejection) => self.refuse_creation(kind, request, rejection).await,
            ShardReply::Exists => match self.first_answer(kind, request).await? {
                Some(first) => Ok(first),
                None => {
                    error!(command = %request.command, "a creation met what no key accounts for");
                    Err(Failure::Internal.into())
                }
            },
            other => Err(unexpected(&other).into()),
        }
    }

    /// Refuses a creation, unless its key was used before: then that use is answered.
    pub(crate) async fn refuse_creation(
        &self,
        kind: Kind,
        request: &Request,
        rejection: Rejection,
    ) -> Result<Snapshot, ShopError> {
        self.first_answer(kind, request)
            .await?
            .ok_or_else(|| rejection.into())
    }
}

fn existing(reply: ShardReply, kind: Kind, id: &str) -> Result<Snapshot, ShopError> {
    match reply {
        ShardReply::State(state) => Ok(state),
        ShardReply::Absent => Err(Rejection::NotFound {
            field: "id".into(),
            kind,
            id: id.to_owned(),
        }
        .into()),
        ShardReply::Rejected(rejection) => Err(rejection.into()),
        other => Err(unexpected(&other).into()),
    }
}

fn unexpected(reply: &ShardReply) -> Failure {
    error!(?reply, "a shard answered what it was not asked");
    Failure::Internal
}

fn account_of(snapshot: &Snapshot) -> Stored<Account> {
    match &snapshot.state {
        State::Account(account) => Stored {
            version: snapshot.version,
            state: account.clone(),
        },
        other => panic!("an account's id answered with {}", other.id()),
    }
}

fn product_of(snapshot: &Snapshot) -> Stored<Product> {
    match &snapshot.state {
        State::Product(product) => Stored {
            version: snapshot.version,
            state: product.clone(),
        },
        other => panic!("a product's id answered with {}", other.id()),
    }
}

pub(crate) fn order_of(snapshot: &Snapshot) -> Stored<Order> {
    match &snapshot.state {
        State::Order(order) => Stored {
            version: snapshot.version,
            state: order.clone(),
        },
        other => panic!("an order's id answered with {}", other.id()),
    }
}
