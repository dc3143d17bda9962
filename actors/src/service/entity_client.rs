//! Requests to the shards that own entities, wherever those shards run.

use std::sync::Arc;

use fritzy_cluster::Router;
use fritzy_domain::{Command, EntityId, Kind, Rejection};
use fritzy_types::{Deadline, Failure, ShardId, Slot};
use tracing::error;
use uuid::Uuid;

use crate::error::ShopError;
use crate::local_shards::LocalShards;
use crate::messages::{ShardReply, ShardRequest, Snapshot};
use crate::request::{Request, Target};
use crate::service::deduplication::Deduplication;
use crate::service::reply::{existing, unexpected};

/// Sends requests to the owners of entities.
pub(crate) struct EntityClient {
    router: Arc<Router<LocalShards>>,
    deduplication: Deduplication,
}

impl EntityClient {
    pub(crate) fn new(router: Arc<Router<LocalShards>>, deduplication: Deduplication) -> Self {
        Self {
            router,
            deduplication,
        }
    }

    /// The shard of an entity in this slot.
    pub(crate) fn shard_of(&self, slot: Slot) -> ShardId {
        self.router.shard_of(slot)
    }

    pub(crate) async fn read(
        &self,
        entity: EntityId,
        deadline: Deadline,
    ) -> Result<ShardReply, Failure> {
        let read = ShardRequest::Read { entity };
        self.ask(entity, deadline, read).await
    }

    /// The entity with this id, if there is one: its owner looks among all kinds.
    pub(crate) async fn find(
        &self,
        id: Uuid,
        slot: Slot,
        deadline: Deadline,
    ) -> Result<Option<Snapshot>, ShopError> {
        let shard = self.router.shard_of(slot);
        let find = ShardRequest::Find { id };
        match self.router.ask(shard, deadline, find).await? {
            ShardReply::State(found) if *found.state.id().as_uuid() == id => Ok(Some(found)),
            ShardReply::Absent => Ok(None),
            other => Err(unexpected(&other).into()),
        }
    }

    /// Changes an existing entity, which the client named as `target` in the argument `id`.
    pub(crate) async fn execute(
        &self,
        entity: EntityId,
        request: &Request,
        target: Target<'_>,
        command: Command,
    ) -> Result<Snapshot, ShopError> {
        let expected = target.expected_version;
        let execute = ShardRequest::Execute {
            entity,
            command,
            expected,
            request: *request,
        };
        let reply = self.ask(entity, request.deadline, execute).await?;
        existing(reply, entity.kind(), "id".into(), target.id)
    }

    /// Creates an entity. A repeated creation returns what the first use of its key created.
    pub(crate) async fn create(
        &self,
        kind: Kind,
        shard: ShardId,
        command: Command,
        request: &Request,
    ) -> Result<Snapshot, ShopError> {
        let create = ShardRequest::Create {
            command,
            request: *request,
        };
        match self.router.ask(shard, request.deadline, create).await? {
            ShardReply::State(created) if created.state.id().kind() == kind => Ok(created),
            ShardReply::Rejected(rejection) => self.reject_creation(kind, request, rejection).await,
            ShardReply::Exists => {
                match self.deduplication.replayed_response(kind, request).await? {
                    Some(first) => Ok(first),
                    None => {
                        let command = request.command;
                        error!(%command, "an entity exists, but not by the creation's key");
                        Err(Failure::Internal.into())
                    }
                }
            }
            other => Err(unexpected(&other).into()),
        }
    }

    /// Rejects a creation, unless its key was used before: then returns what that use created.
    pub(crate) async fn reject_creation(
        &self,
        kind: Kind,
        request: &Request,
        rejection: Rejection,
    ) -> Result<Snapshot, ShopError> {
        self.deduplication
            .replayed_response(kind, request)
            .await?
            .ok_or_else(|| rejection.into())
    }

    /// Waits until every creation sent to the shard before has been committed or refused.
    pub(crate) async fn barrier(&self, shard: ShardId, deadline: Deadline) -> Result<(), Failure> {
        let barrier = ShardRequest::Barrier;
        self.router.ask(shard, deadline, barrier).await.map(drop)
    }

    /// Sends a request for one entity. A reply with another entity is a defect and must not reach
    /// the client.
    async fn ask(
        &self,
        entity: EntityId,
        deadline: Deadline,
        request: ShardRequest,
    ) -> Result<ShardReply, Failure> {
        let shard = self.router.shard_of(entity.slot());
        match self.router.ask(shard, deadline, request).await? {
            ShardReply::State(other) if other.state.id() != entity => {
                let replied = other.state.id();
                error!(requested = %entity, %replied, "a reply holds another entity");
                Err(Failure::Internal)
            }
            reply => Ok(reply),
        }
    }
}
