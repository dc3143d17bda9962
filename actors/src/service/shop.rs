//! The shop: what a front end talks to. Its questions are in `queries`, its changes in `commands`,
//! placing an order in `placing`; here is its life, and the way to the shards.

use std::sync::Arc;
use std::time::Duration;

use fritzy_cluster::{LocalLease, Router, ShardMap};
use fritzy_domain::{
    Account, Command, EntityId, Journal, Kind, Order, Product, ReadModel, Rejection, State, Stored,
};
use fritzy_types::{Deadline, Failure, NodeId, Ownership, ShardId, ShardLease};
use prometheus_client::registry::Registry;
use tracing::error;

use crate::local_shards::LocalShards;
use crate::messages::{ShardReply, ShardRequest, Snapshot};
use crate::request::{Request, ShopError, Target};
use crate::shell::activation::Activations;
use crate::shell::entity_actor::{NodeContext, read_failure};
use crate::shell::entity_limit::{ActorCounts, Residents};

/// A running shop on one node.
pub struct Shop {
    pub(crate) router: Arc<Router<LocalShards>>,
    pub(crate) journal: Journal,
    pub(crate) read_model: Arc<dyn ReadModel>,
    residents: Residents,
    leases: Vec<ShardLease>,
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

impl Shop {
    /// Claims every shard for node `me` and starts their supervisors. From then on no earlier owner
    /// can commit.
    ///
    /// # Errors
    /// [`Failure`] when the stores do not answer.
    pub async fn start(
        config: ShopConfig,
        me: NodeId,
        journal: Journal,
        read_model: Arc<dyn ReadModel>,
        ownership: &dyn Ownership,
    ) -> Result<Self, Failure> {
        let map = Arc::new(ShardMap::new(ownership.shard_count()));
        let shards: Vec<ShardId> = ownership.shard_count().all().collect();
        let leases = ownership.claim(me, &shards).await.map_err(read_failure)?;
        // Whoever claims everything has the database alone.
        let lease = LocalLease::unlimited();
        let empty = Self::empty(config, map.clone(), lease, journal, read_model);
        let shop = empty.await?;
        shop.start_shards(&leases).await?;
        map.record(&leases);
        Ok(Self { leases, ..shop })
    }

    /// A shop without any shard yet. They come by [`Self::start_shards`]; `map` says which shards are whose,
    /// and is kept by whoever claims them. What its own commits do not prove it answers only while `local_lease` holds
    /// (invariant I3).
    ///
    /// # Errors
    /// [`Failure::Internal`]
    pub async fn empty(
        config: ShopConfig,
        map: Arc<ShardMap>,
        local_lease: LocalLease,
        journal: Journal,
        read_model: Arc<dyn ReadModel>,
    ) -> Result<Self, Failure> {
        let residents = Residents::new(config.entities_max, config.idle_after);
        let node = NodeContext {
            journal: journal.clone(),
            activations: Activations::start(read_model.clone()),
            residents: residents.clone(),
            local_lease,
            entity_queue_max: config.entity_queue_max,
        };
        let local = LocalShards::start(node, config.requests_max, config.idle_after / 4);
        let local = local.await.map_err(|failure| {
            error!(%failure, "the shop did not start");
            Failure::Internal
        })?;
        Ok(Self {
            router: Arc::new(Router::new(map, Arc::new(local))),
            journal,
            read_model,
            residents,
            leases: Vec::new(),
        })
    }

    /// Starts shards that this node has just claimed. One that runs under another lease is stopped first, as by
    /// [`Self::stop_shards`].
    ///
    /// # Errors
    /// [`Failure::Internal`] when the shop is stopping; some may have been started.
    pub async fn start_shards(&self, leases: &[ShardLease]) -> Result<(), Failure> {
        self.router.local().start_shards(leases).await
    }

    /// Stops shards in order, before they are given back. From the call on they take nothing, and what comes for them is
    /// refused with nothing written; when this returns, all they had taken is answered, and all they had appended
    /// has been written or refused. What is not done after 10 s is killed.
    pub async fn stop_shards(&self, shards: &[ShardId]) {
        self.router.local().stop_shards(shards).await;
    }

    /// Ends all shards: this node was fenced, and others may have them. What they had taken is refused by the fence, and asked
    /// of the others; what is not within a second is told that there is no answer, or, for what may have been
    /// written, that it is not known.
    pub async fn abandon(&self) {
        self.router.local().abandon().await;
    }

    /// Where the shards are.
    pub fn shard_map(&self) -> &Arc<ShardMap> {
        self.router.map()
    }

    /// How many shards run here.
    pub fn shards_running(&self) -> usize {
        self.router.local().len()
    }

    /// The rights under which the shards are written that were claimed at the start.
    pub fn leases(&self) -> &[ShardLease] {
        &self.leases
    }

    /// Adds the actors' metrics to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.residents.register(registry);
    }

    /// How many entities are in memory, and how many left or died so far.
    pub fn actor_counts(&self) -> ActorCounts {
        self.residents.counts()
    }

    /// Stops every actor. Call it when nobody waits for an answer any more.
    pub async fn stop(&self) {
        self.router.local().stop().await;
    }

    pub(crate) async fn read(
        &self,
        entity: EntityId,
        deadline: Deadline,
    ) -> Result<ShardReply, Failure> {
        let read = ShardRequest::Read { entity };
        self.ask_of(entity, deadline, read).await
    }

    /// Asks for one entity. The answer of another would be a defect: nobody shall see it.
    async fn ask_of(
        &self,
        entity: EntityId,
        deadline: Deadline,
        ask: ShardRequest,
    ) -> Result<ShardReply, Failure> {
        let shard = self.router.shard_of(entity.slot());
        match self.router.ask(shard, deadline, ask).await? {
            ShardReply::State(other) if other.state.id() != entity => {
                error!(asked = %entity, answered = %other.state.id(), "another entity has answered");
                Err(Failure::Internal)
            }
            reply => Ok(reply),
        }
    }

    pub(crate) async fn execute(
        &self,
        entity: EntityId,
        request: &Request,
        target: Target<'_>,
        command: Command,
    ) -> Result<Snapshot, ShopError> {
        let expected = target.expected_version;
        let ask = ShardRequest::Execute {
            entity,
            command,
            expected,
            request: *request,
        };
        let reply = self.ask_of(entity, request.deadline, ask).await?;
        existing(reply, entity.kind(), "id".into(), target.id)
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
            ShardReply::State(created) if created.state.id().kind() == kind => Ok(created),
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

/// The state that was answered; what does not exist is refused by the argument that named it.
pub(crate) fn existing(
    reply: ShardReply,
    kind: Kind,
    field: String,
    id: &str,
) -> Result<Snapshot, ShopError> {
    match reply {
        ShardReply::State(state) => Ok(state),
        ShardReply::Absent => Err(Rejection::NotFound {
            field,
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

pub(crate) fn account_of(snapshot: &Snapshot) -> Stored<Account> {
    match &snapshot.state {
        State::Account(account) => Stored {
            version: snapshot.version,
            state: account.clone(),
        },
        other => panic!("an account's id answered with {}", other.id()),
    }
}

pub(crate) fn product_of(snapshot: &Snapshot) -> Stored<Product> {
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
