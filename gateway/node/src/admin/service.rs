//! The operations of the admin API.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fritzy_cluster::{LocalLease, Member, ShardMap};
use fritzy_domain::{AccountId, Journal, Kind, Page, UnlimitedBudget};
use fritzy_types::{ClusterState, Membership, NodeId, ShardId};
use tokio::time::timeout;
use tracing::info;
use uuid::Uuid;

use super::build_views::{
    NodeSnapshot, cluster_view, generation_view, has_other_owner, may_own, named, owned_by,
    shard_view,
};
use super::error::AdminError;
use super::node_lookup::find;
use super::views::{ClusterView, DrainView, EntityView, RebalancedView, ShardView};

/// Time for a statement on the tables. A slower database is reported to the operator.
const TABLES_TIME_MAX: Duration = Duration::from_secs(3);
/// Time for the coordinator of this node to take a command, which it does between two polls of the
/// tables.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(10);

/// The operations of the admin API, on the tables of the cluster and the state of this node.
pub(crate) struct AdminService {
    name: String,
    member: Arc<Member>,
    membership: Arc<dyn Membership>,
    journal: Journal,
    map: Arc<ShardMap>,
    lease: LocalLease,
}

impl AdminService {
    /// The service of the node `name`.
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
        let (state, failure) = self.read_state().await;
        let any_fenced = state.nodes.iter().any(|record| record.fenced);
        let ages = if any_fenced && failure.is_none() {
            let reading = timeout(TABLES_TIME_MAX, self.membership.fenced_for()).await;
            // Without their ages, the fenced nodes are still listed.
            reading.unwrap_or_else(|_| Ok(vec![])).unwrap_or_default()
        } else {
            vec![]
        };
        let ages: HashMap<NodeId, Duration> = ages.into_iter().collect();
        let generations = match failure {
            Some(_) => None,
            None => {
                let reading = timeout(TABLES_TIME_MAX, self.journal.generations()).await;
                reading.ok().and_then(Result::ok)
            }
        };
        ClusterView {
            generation: generations.map(|all| generation_view(all.current())),
            ..cluster_view(&self.snapshot(failure), &state, &ages)
        }
    }

    /// Marks a node as draining, and waits up to `wait` until it owns no shards. The node sees the
    /// mark at its next poll of the table, within a second.
    ///
    /// # Errors
    /// [`AdminError::NoOtherOwner`] when no other node could take its shards; then nothing is
    /// changed.
    pub(super) async fn drain(
        &self,
        wanted: &str,
        wait: Duration,
    ) -> Result<DrainView, AdminError> {
        let (state, _) = self.read_state().await;
        let record = find(&state.nodes, wanted)?;
        let (id, name) = (record.node.id, record.node.name.clone());
        let shards = owned_by(&state, id);
        let is_last = |state: &ClusterState| {
            let matters = may_own(record) || owned_by(state, id) > 0;
            matters && !has_other_owner(state, id)
        };
        if is_last(&state) {
            return Err(AdminError::NoOtherOwner { name, shards });
        }
        self.mark(id, true).await?;
        // Two nodes may be drained concurrently. Both are marked before the state is read again, so
        // the later read sees the other mark, unless that was reverted.
        let (state, failure) = self.read_state().await;
        if !record.draining && failure.is_none() && is_last(&state) {
            self.mark(id, false).await?;
            return Err(AdminError::NoOtherOwner { name, shards });
        }
        info!(node = name, "draining a node for an operator");
        let shards = if wait.is_zero() {
            shards
        } else {
            self.await_empty(id, wait).await
        };
        Ok(DrainView {
            node: named(&state, id),
            draining: true,
            shards,
        })
    }

    /// Lets a node take shards again.
    ///
    /// # Errors
    /// [`AdminError`] when there is no such node, or the table cannot be written.
    pub(super) async fn undrain(&self, wanted: &str) -> Result<DrainView, AdminError> {
        let (state, _) = self.read_state().await;
        let record = find(&state.nodes, wanted)?;
        let id = record.node.id;
        self.mark(id, false).await?;
        let name = &record.node.name;
        info!(node = name, "undraining a node for an operator");
        Ok(DrainView {
            node: named(&state, id),
            draining: false,
            shards: owned_by(&state, id),
        })
    }

    pub(super) async fn rebalance(&self) -> Result<RebalancedView, AdminError> {
        let notifying = timeout(COMMAND_TIME_MAX, self.member.rebalance_all()).await;
        let notified =
            notifying.map_err(|_| AdminError::TimedOut("no shard was moved", COMMAND_TIME_MAX))?;
        let state = self.member.status().state;
        let nodes = state.nodes.iter().filter(|record| !record.fenced).count();
        info!(notified, nodes, "rebalancing shards for an operator");
        Ok(RebalancedView {
            told: notified,
            nodes,
        })
    }

    pub(super) async fn shard(&self, shard: u16) -> Result<ShardView, AdminError> {
        let count = self.map.count().get();
        if shard >= count {
            let last = count - 1;
            return Err(AdminError::NoShard { shard, last });
        }
        let (state, failure) = self.read_state().await;
        Ok(shard_view(&self.snapshot(failure), &state, ShardId(shard)))
    }

    /// The shard of the account, product or order with this id, or where it would be.
    pub(super) async fn locate(&self, text: &str) -> Result<ShardView, AdminError> {
        // Ids of all kinds have the same format, with the slot in the same place.
        let id = AccountId::parse(text, "id").map_err(|_| AdminError::NotAnId(text.to_owned()))?;
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

    /// The kind of the entity with this id, by its first event; the error says why it is unknown.
    async fn kind_of(&self, shard: ShardId, id: Uuid) -> Result<Option<Kind>, String> {
        let first = Page { skip: 0, take: 1 };
        let reading = self.journal.history(shard, id, first, &UnlimitedBudget);
        match timeout(TABLES_TIME_MAX, reading).await {
            Ok(Ok(events)) => Ok(events.first().map(|recorded| recorded.entity.kind())),
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(_) => Err(format!("no response within {TABLES_TIME_MAX:?}")),
        }
    }

    /// The state of the tables, or the last one this node has read, with the reason.
    async fn read_state(&self) -> (Arc<ClusterState>, Option<String>) {
        let reading = timeout(TABLES_TIME_MAX, self.membership.read_state(None, &[])).await;
        let failure = match reading {
            Ok(Ok(snapshot)) => match snapshot.state {
                Some(state) => return (Arc::new(state), None),
                None => "nothing was read".to_owned(),
            },
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => format!("no response within {TABLES_TIME_MAX:?}"),
        };
        (self.member.status().state, Some(failure))
    }

    fn snapshot(&self, failure: Option<String>) -> NodeSnapshot<'_> {
        NodeSnapshot {
            name: &self.name,
            status: self.member.status(),
            lease: self.lease.remaining(),
            map: &self.map,
            failure,
        }
    }

    async fn mark(&self, id: NodeId, draining: bool) -> Result<(), AdminError> {
        let marking = self.membership.set_draining(id, draining);
        let marking = timeout(TABLES_TIME_MAX, marking).await;
        marking
            .map_err(|_| AdminError::TimedOut("the database did not respond", TABLES_TIME_MAX))??;
        Ok(())
    }

    /// Waits until a node owns no shards; returns how many it owns at the end.
    async fn await_empty(&self, id: NodeId, wait: Duration) -> usize {
        let mut status = self.member.watch();
        let empty = status.wait_for(|status| {
            let is_unmarked =
                |record: &fritzy_types::NodeRecord| record.node.id == id && !record.draining;
            // A state from before the mark says nothing.
            let is_old = status.state.nodes.iter().any(is_unmarked);
            status.polled_at.is_some() && !is_old && owned_by(&status.state, id) == 0
        });
        // An error is a timeout, or the end of this node.
        let _ = timeout(wait, empty).await;
        let (state, _) = self.read_state().await;
        owned_by(&state, id)
    }
}
