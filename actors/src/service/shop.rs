//! The shop: the API of this crate for a front end. It starts and stops the shards, and passes
//! requests to its commands, queries and the placing of orders.

use std::sync::Arc;

use fritzy_cluster::{LocalLease, Member, MemberConfig, MemberError, Router, ShardMap};
use fritzy_domain::{
    Account, AccountCommand, Journal, MemoryBudget, Order, OrderCommand, Page, Product,
    ProductCommand, ReadModel, RecordedEvent, Stored,
};
use fritzy_projections::Projections;
use fritzy_types::{Deadline, Failure, Membership, NodeId, Ownership, ShardId, ShardLease};
use futures_util::future::BoxFuture;
use prometheus_client::registry::Registry;
use tracing::error;

use crate::error::{ShopError, read_failure};
use crate::local_shards::LocalShards;
use crate::membership;
use crate::request::{Request, Target};
use crate::service::by_id::ById;
use crate::service::commands::{AccountInput, Commands, PriceInput, ProductInput};
use crate::service::config::ShopConfig;
use crate::service::deduplication::Deduplication;
use crate::service::entity_client::EntityClient;
use crate::service::lists::Lists;
use crate::service::placing::{OrderInput, Placing};
use crate::service::queries::Queries;
use crate::service::references::References;
use crate::shell::activation::Activations;
use crate::shell::context::NodeContext;
use crate::shell::entity_limit::{ActorCounts, EntityLimit};

/// A running shop on one node.
pub struct Shop {
    router: Arc<Router<LocalShards>>,
    commands: Commands,
    placing: Placing,
    queries: Queries,
    by_id: ById,
    references: References,
    entity_limit: EntityLimit,
    leases: Vec<ShardLease>,
}

impl Shop {
    /// Claims every shard for node `me` and starts them. From then on no earlier owner can commit
    /// (invariant I3).
    ///
    /// # Errors
    /// [`Failure`] when the store cannot be reached, or the node is stopping.
    pub fn start(
        config: ShopConfig,
        me: NodeId,
        journal: Journal,
        read_model: Arc<dyn ReadModel>,
        ownership: &dyn Ownership,
    ) -> BoxFuture<'_, Result<Self, Failure>> {
        // Boxed, like all that starts actors: compiled here and not in every caller (ADR 0040).
        Box::pin(async move {
            let map = Arc::new(ShardMap::new(ownership.shard_count()));
            let shards: Vec<ShardId> = ownership.shard_count().all().collect();
            let leases = ownership.claim(me, &shards).await.map_err(read_failure)?;
            // A node that claims every shard uses the database alone.
            let lease = LocalLease::unlimited();
            let empty = Self::empty(config, map.clone(), lease, journal, read_model);
            let shop = empty.await?;
            shop.start_shards(&leases).await?;
            map.record(&leases);
            Ok(Self { leases, ..shop })
        })
    }

    /// A shop without shards; [`Self::start_shards`] starts them. `map` holds the owner of each
    /// shard and is updated by the code that claims them. Replies that no commit of this node
    /// proves are sent only while `local_lease` holds (invariant I3).
    ///
    /// # Errors
    /// [`Failure::Internal`] when the actors cannot be started.
    pub fn empty(
        config: ShopConfig,
        map: Arc<ShardMap>,
        local_lease: LocalLease,
        journal: Journal,
        read_model: Arc<dyn ReadModel>,
    ) -> BoxFuture<'static, Result<Self, Failure>> {
        Box::pin(async move {
            let entity_limit = EntityLimit::new(config.entities_max, config.idle_after);
            let node = NodeContext {
                journal: journal.clone(),
                activations: Activations::start(read_model.clone()),
                entity_limit: entity_limit.clone(),
                local_lease,
                entity_queue_max: config.entity_queue_max,
            };
            let local = LocalShards::start(node, config.requests_max, config.idle_after / 4);
            let local = local.await.map_err(|failure| {
                error!(%failure, "the shop did not start");
                Failure::Internal
            })?;
            let deduplication =
                Deduplication::new(map.count(), journal.clone(), read_model.clone());
            let router = Arc::new(Router::new(map, Arc::new(local)));
            let entities = Arc::new(EntityClient::new(router.clone(), deduplication));
            Ok(Self {
                router,
                commands: Commands::new(entities.clone()),
                placing: Placing::new(entities.clone()),
                references: References::new(entities.clone(), read_model.clone()),
                by_id: ById::new(entities.clone(), read_model.clone()),
                queries: Queries::new(entities, journal, read_model),
                entity_limit,
                leases: Vec::new(),
            })
        })
    }

    /// Starts shards that this node has just claimed. A shard that runs under another lease is
    /// stopped first, as by [`Self::stop_shards`].
    ///
    /// # Errors
    /// [`Failure::Internal`] when the shop is stopping; some shards may have been started.
    pub async fn start_shards(&self, leases: &[ShardLease]) -> Result<(), Failure> {
        self.router.local().start_shards(leases).await
    }

    /// Stops shards gracefully, before they are released. New requests for them are refused with
    /// nothing written. When this returns, all accepted requests are answered, and all their
    /// appends were written or refused. Shards that have not finished after 10 s are killed.
    pub async fn stop_shards(&self, shards: &[ShardId]) {
        self.router.local().stop_shards(shards).await;
    }

    /// Ends all shards because this node was fenced and other nodes may own them. Accepted requests
    /// are refused by the fence, so that they can be sent to the new owners. Requests still
    /// unanswered after 1 s fail: as unavailable, or with an unknown outcome if they may have been
    /// written.
    pub async fn abandon(&self) {
        self.router.local().abandon().await;
    }

    /// The owner of each shard.
    pub fn shard_map(&self) -> &Arc<ShardMap> {
        self.router.map()
    }

    /// The number of shards running on this node.
    pub fn shards_running(&self) -> usize {
        self.router.local().len()
    }

    /// The leases that [`Self::start`] claimed; empty for a shop made by [`Self::empty`].
    pub fn leases(&self) -> &[ShardLease] {
        &self.leases
    }

    /// Adds the actors' metrics to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.entity_limit.register(registry);
        self.router.local().register(registry);
    }

    /// Entities in memory, and counts of passivated and crashed ones since the start.
    pub fn actor_counts(&self) -> ActorCounts {
        self.entity_limit.counts()
    }

    /// Stops every actor. Replies still pending are lost: call it once no client waits for one.
    pub async fn stop(&self) {
        self.router.local().stop().await;
    }

    /// Makes requests wait for shards that do not run on this node, including those that start when
    /// it joins a cluster. Without it such requests are refused at once.
    pub fn expect_others(&self) {
        self.router.expect_others();
    }

    /// Joins the cluster. `projections` follow the shards that this node owns; `lease` is the one
    /// passed to [`Self::empty`].
    ///
    /// # Errors
    /// [`MemberError`] when the node cannot become a member; each message says what to do.
    pub fn join(
        &self,
        config: MemberConfig,
        membership: Arc<dyn Membership>,
        projections: Arc<Projections>,
        lease: LocalLease,
    ) -> BoxFuture<'static, Result<Member, MemberError>> {
        let router = self.router.clone();
        let joined = membership::join(router, config, membership, projections, lease);
        Box::pin(joined)
    }

    /// The router to this shop's shards, on this node or others.
    pub const fn router(&self) -> &Arc<Router<LocalShards>> {
        &self.router
    }
}

/// Creations and changes.
///
/// All fail with [`ShopError::Rejected`] when an argument is invalid, a rule forbids the command,
/// or the idempotency key was used with other content; nothing was written then. They fail with
/// [`ShopError::Failed`] when the owner of the entity cannot be reached or cannot write in time.
impl Shop {
    /// Creates an account.
    ///
    /// # Errors
    /// [`ShopError`], as for every change.
    pub async fn create_account(
        &self,
        request: &Request,
        input: AccountInput,
    ) -> Result<Stored<Account>, ShopError> {
        self.commands.create_account(request, input).await
    }

    /// Creates a product.
    ///
    /// # Errors
    /// [`ShopError`], as for every change.
    pub async fn create_product(
        &self,
        request: &Request,
        input: ProductInput,
    ) -> Result<Stored<Product>, ShopError> {
        self.commands.create_product(request, input).await
    }

    /// Changes an existing account.
    ///
    /// # Errors
    /// [`ShopError`], as for every change; rejected also when the account does not exist.
    pub async fn command_account(
        &self,
        request: &Request,
        target: impl Into<Target<'_>>,
        command: AccountCommand,
    ) -> Result<Stored<Account>, ShopError> {
        let changed = self
            .commands
            .command_account(request, target.into(), command);
        changed.await
    }

    /// Changes an existing product; [`Self::reprice_product`] changes its price.
    ///
    /// # Errors
    /// [`ShopError`], as for every change; rejected also when the product does not exist.
    pub async fn command_product(
        &self,
        request: &Request,
        target: impl Into<Target<'_>>,
        command: ProductCommand,
    ) -> Result<Stored<Product>, ShopError> {
        let changed = self
            .commands
            .command_product(request, target.into(), command);
        changed.await
    }

    /// Changes the price of an existing product. Orders placed before keep their price.
    ///
    /// # Errors
    /// [`ShopError`], as for every change; rejected also when the product does not exist.
    pub async fn reprice_product(
        &self,
        request: &Request,
        target: impl Into<Target<'_>>,
        price: PriceInput,
    ) -> Result<Stored<Product>, ShopError> {
        self.commands
            .reprice_product(request, target.into(), price)
            .await
    }

    /// Changes the price of a product, in the currency that it has.
    ///
    /// # Errors
    /// [`ShopError`], as for every change; rejected also when the product does not exist.
    pub async fn reprice_in_own_currency(
        &self,
        request: &Request,
        target: impl Into<Target<'_>>,
        amount: String,
    ) -> Result<Stored<Product>, ShopError> {
        self.commands
            .reprice_in_own_currency(request, target.into(), amount)
            .await
    }

    /// Places an order at the current prices of its products.
    ///
    /// # Errors
    /// [`ShopError`], as for every change. A rejection names the argument, and is returned only
    /// once it is certain that the key was not used before.
    pub async fn place_order(
        &self,
        request: &Request,
        input: &OrderInput,
    ) -> Result<Stored<Order>, ShopError> {
        self.placing.place_order(request, input).await
    }

    /// Changes an existing order.
    ///
    /// # Errors
    /// [`ShopError`], as for every change; rejected also when the order does not exist.
    pub async fn command_order(
        &self,
        request: &Request,
        target: impl Into<Target<'_>>,
        command: OrderCommand,
    ) -> Result<Stored<Order>, ShopError> {
        self.commands
            .command_order(request, target.into(), command)
            .await
    }
}

/// Reads, each with every acknowledged write.
///
/// All fail with [`ShopError::Rejected`] when the id is invalid or nothing with it exists, and with
/// [`ShopError::Failed`] when the owner or the store cannot be reached in time.
impl Shop {
    /// The account with this id, from its actor.
    ///
    /// # Errors
    /// [`ShopError`], as for every read.
    pub async fn account(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<Stored<Account>, ShopError> {
        self.queries.account(id, deadline).await
    }

    /// The product with this id, from its actor.
    ///
    /// # Errors
    /// [`ShopError`], as for every read.
    pub async fn product(
        &self,
        id: &str,
        deadline: Deadline,
    ) -> Result<Stored<Product>, ShopError> {
        self.queries.product(id, deadline).await
    }

    /// The order with this id, from its actor.
    ///
    /// # Errors
    /// [`ShopError`], as for every read.
    pub async fn order(&self, id: &str, deadline: Deadline) -> Result<Stored<Order>, ShopError> {
        self.queries.order(id, deadline).await
    }

    /// Entities by id of any kind, and several by their ids.
    pub const fn by_id(&self) -> &ById {
        &self.by_id
    }

    /// A page of the events of the account, product or order with this id, oldest first.
    ///
    /// # Errors
    /// [`ShopError`], as for every read; rejected also when the page exceeds the budget of its
    /// response, and failed when the node's memory budget is exhausted.
    pub async fn history(
        &self,
        id: &str,
        page: Page,
        budget: &dyn MemoryBudget,
    ) -> Result<Vec<RecordedEvent>, ShopError> {
        self.queries.history(id, page, budget).await
    }

    /// Finds entities by their external references.
    pub const fn references(&self) -> &References {
        &self.references
    }

    /// Lists from the primary.
    pub fn lists(&self) -> Lists {
        self.queries.lists()
    }
}
