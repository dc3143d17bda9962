//! What operators can ask of a node, and have done.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fritzy_cluster::{LocalLease, Member, ShardMap};
use fritzy_domain::{AccountId, Journal, Kind, Page, UnlimitedBudget};
use fritzy_types::{ClusterState, Membership, NodeId, ShardId, StorageError};
use tokio::time::timeout;
use tracing::info;
use uuid::Uuid;

use super::build_views::{Seen, cluster_view, has_taker, may_own, named, owned_by, shard_view};
use super::node_lookup::{NotNamed, find};
use super::views::{ClusterView, DrainView, EntityView, NodeName, RebalancedView, ShardView};

/// For the tables to be read or written. Whoever asks is told of a database that takes longer.
const TABLES_TIME_MAX: Duration = Duration::from_secs(3);
/// For the node itself to take an order: it does between two looks at the tables.
const ORDER_TIME_MAX: Duration = Duration::from_secs(10);

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotDone {
    /// No node is meant.
    #[error(transparent)]
    NotNamed(#[from] NotNamed),
    /// There is no such shard.
    #[error("there is no shard {shard}; there are 0 to {last}")]
    NoShard {
        /// The number.
        shard: u16,
        /// The last one.
        last: u16,
    },
    /// What was given is no id.
    #[error("{0} is not an id of an account, a product or an order: 36 characters with hyphens")]
    NotAnId(String),
    /// Draining it would have no end.
    #[error(
        "no other node can take the {shards} shards of {name}: start another one first, or undrain one; nothing was done"
    )]
    NobodyElse {
        /// The node.
        name: String,
        /// How many it has.
        shards: usize,
    },
    /// The tables cannot be written.
    #[error("the table of nodes cannot be used: {0}")]
    Tables(#[from] StorageError),
    /// It takes too long.
    #[error("{0} in {1:?}; it may be done yet: ask again")]
    Late(&'static str, Duration),
}

/// Answers operators, from the tables and from what this node knows.
pub(crate) struct Desk {
    name: String,
    member: Arc<Member>,
    membership: Arc<dyn Membership>,
    journal: Journal,
    map: Arc<ShardMap>,
    lease: LocalLease,
}

impl Desk {
    /// For the node `name`.
    pub(crate) fn new(
        name: String,
        member: Arc<Member>,
        membership: Arc<dyn Membership>,
        journal: Journal,
        map: Arc<ShardMap>,
        lease: LocalLease,
    ) -> Self {
        Self {
            name,
            member,
            membership,
            journal,
            map,
            lease,
        }
    }

    pub(super) async fn cluster(&self) -> ClusterView {
        let (state, failure) = self.look().await;
        let any_fenced = state.nodes.iter().any(|record| record.fenced);
        let ages = if any_fenced && failure.is_none() {
            let reading = timeout(TABLES_TIME_MAX, self.membership.fenced_for()).await;
            // That they are gone is told all the same.
            reading.unwrap_or_else(|_| Ok(vec![])).unwrap_or_default()
        } else {
            vec![]
        };
        let ages: HashMap<NodeId, Duration> = ages.into_iter().collect();
        cluster_view(&self.seen(failure), &state, &ages)
    }

    /// Has a node give its shards away, and waits for it, but not for ever. That node hears of it by its next look at the
    /// table, within a second. There stays a node that takes shards: without one they would go nowhere, and no node is ready.
    pub(super) async fn drain(&self, wanted: &str, wait: Duration) -> Result<DrainView, NotDone> {
        let (state, _) = self.look().await;
        let record = find(&state.nodes, wanted)?;
        let (id, name) = (record.node.id, record.node.name.clone());
        let shards = owned_by(&state, id);
        let is_last = |state: &ClusterState| {
            let matters = may_own(record) || owned_by(state, id) > 0;
            matters && !has_taker(state, id)
        };
        if is_last(&state) {
            return Err(NotDone::NobodyElse { name, shards });
        }
        self.mark(id, true).await?;
        // Another drain may have looked and marked at the same time. Of two that mark before both look again, the later
        // look sees the other mark, unless that was taken back.
        let (state, failure) = self.look().await;
        if !record.draining && failure.is_none() && is_last(&state) {
            self.mark(id, false).await?;
            return Err(NotDone::NobodyElse { name, shards });
        }
        info!(node = name, "an operator has it give its shards away");
        let shards = if wait.is_zero() {
            shards
        } else {
            self.left(id, wait).await
        };
        Ok(DrainView {
            node: named(&state, id),
            draining: true,
            shards,
        })
    }

    /// Has a node take shards again.
    pub(super) async fn undrain(&self, wanted: &str) -> Result<DrainView, NotDone> {
        let (state, _) = self.look().await;
        let record = find(&state.nodes, wanted)?;
        let id = record.node.id;
        self.mark(id, false).await?;
        let name = &record.node.name;
        info!(node = name, "an operator has it take shards again");
        Ok(DrainView {
            node: named(&state, id),
            draining: false,
            shards: owned_by(&state, id),
        })
    }

    pub(super) async fn rebalance(&self) -> Result<RebalancedView, NotDone> {
        let telling = timeout(ORDER_TIME_MAX, self.member.rebalance_all()).await;
        let told = telling.map_err(|_| NotDone::Late("no shard was moved", ORDER_TIME_MAX))?;
        let state = self.member.status().state;
        let nodes = state.nodes.iter().filter(|record| !record.fenced).count();
        info!(
            told,
            nodes, "an operator has shards move to where they should be"
        );
        Ok(RebalancedView { told, nodes })
    }

    pub(super) async fn shard(&self, shard: u16) -> Result<ShardView, NotDone> {
        let count = self.map.count().get();
        if shard >= count {
            let last = count - 1;
            return Err(NotDone::NoShard { shard, last });
        }
        let (state, failure) = self.look().await;
        Ok(shard_view(&self.seen(failure), &state, ShardId(shard)))
    }

    /// The shard of an account, a product or an order; or where one with this id would be.
    pub(super) async fn locate(&self, text: &str) -> Result<ShardView, NotDone> {
        // Ids of all kinds are written alike, and carry their slots alike.
        let id = AccountId::parse(text, "id").map_err(|_| NotDone::NotAnId(text.to_owned()))?;
        let slot = id.slot();
        let shard = self.map.shard_of(slot);
        let (view, found) = tokio::join!(self.shard(shard.0), self.kind_of(shard, *id.as_uuid()));
        let mut entity = EntityView {
            id: id.to_string(),
            slot: slot.0,
            ..EntityView::default()
        };
        match found {
            Ok(kind) => {
                entity.exists = Some(kind.is_some());
                entity.kind = kind.map(|kind| kind.to_string());
            }
            Err(failure) => entity.journal_failure = Some(failure),
        }
        let entity = Some(entity);
        Ok(ShardView { entity, ..view? })
    }

    /// What has this id, by its first event; or why that is not known.
    async fn kind_of(&self, shard: ShardId, id: Uuid) -> Result<Option<Kind>, String> {
        let first = Page { skip: 0, take: 1 };
        let reading = self.journal.history(shard, id, first, &UnlimitedBudget);
        match timeout(TABLES_TIME_MAX, reading).await {
            Ok(Ok(events)) => Ok(events.first().map(|recorded| recorded.entity.kind())),
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(_) => Err(format!("no answer in {TABLES_TIME_MAX:?}")),
        }
    }

    /// The tables as they are; or as this node saw them last, and why.
    async fn look(&self) -> (Arc<ClusterState>, Option<String>) {
        let looking = timeout(TABLES_TIME_MAX, self.membership.read_state(None, &[])).await;
        let failure = match looking {
            Ok(Ok(look)) => match look.state {
                Some(state) => return (Arc::new(state), None),
                None => "nothing was read".to_owned(),
            },
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => format!("no answer in {TABLES_TIME_MAX:?}"),
        };
        (self.member.status().state, Some(failure))
    }

    fn seen(&self, failure: Option<String>) -> Seen<'_> {
        Seen {
            name: &self.name,
            status: self.member.status(),
            lease: self.lease.remaining(),
            map: &self.map,
            failure,
        }
    }

    async fn mark(&self, id: NodeId, draining: bool) -> Result<(), NotDone> {
        let marking = self.membership.set_draining(id, draining);
        let marking = timeout(TABLES_TIME_MAX, marking).await;
        marking.map_err(|_| NotDone::Late("the database did not answer", TABLES_TIME_MAX))??;
        Ok(())
    }

    /// Waits until a node owns nothing: what is left when the time is over.
    async fn left(&self, id: NodeId, wait: Duration) -> usize {
        let mut status = self.member.watch();
        let empty = status.wait_for(|status| {
            let drains =
                |record: &fritzy_types::NodeRecord| record.node.id == id && !record.draining;
            // A look from before the mark tells nothing.
            let is_old = status.state.nodes.iter().any(drains);
            status.looked.is_some() && !is_old && owned_by(&status.state, id) == 0
        });
        // Errors mean that the time is over, or this node.
        let _ = timeout(wait, empty).await;
        let (state, _) = self.look().await;
        owned_by(&state, id)
    }
}

impl NodeName {
    /// What to call it.
    pub(crate) fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}
