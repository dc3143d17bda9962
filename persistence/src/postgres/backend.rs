//! What the store holds besides its ports: the database lock and the connections.

use std::sync::Arc;

use async_trait::async_trait;
use prometheus_client::registry::Registry;

use super::config::Sharing;
use super::continuity::Continuity;
use super::database_lock::DatabaseLock;
use super::membership::PostgresMembership;
use super::read_pool::ReadPool;
use super::replica::PostgresReplicas;
use crate::stores::{Lost, StoreBackend};

pub(super) struct PostgresBackend {
    reads: ReadPool,
    replicas: Arc<PostgresReplicas>,
    membership: Arc<PostgresMembership>,
    lock: DatabaseLock,
    continuity: Continuity,
    sharing: Sharing,
    /// How often the generation had changed when the store was opened.
    switches: u64,
}

impl PostgresBackend {
    pub(super) fn new(
        reads: ReadPool,
        replicas: Arc<PostgresReplicas>,
        membership: Arc<PostgresMembership>,
        lock: DatabaseLock,
        (continuity, switches): (Continuity, u64),
        sharing: Sharing,
    ) -> Self {
        Self {
            reads,
            replicas,
            membership,
            lock,
            continuity,
            sharing,
            switches,
        }
    }
}

#[async_trait]
impl StoreBackend for PostgresBackend {
    fn register(&self, registry: &mut Registry) {
        let help = "Statements run to read";
        self.reads.register(registry, "read_statements", help);
        self.replicas.register(registry);
        self.continuity.register(registry);
    }

    async fn close_readers(&self) {
        self.reads.close().await;
        self.replicas.close().await;
    }

    async fn release(&self) {
        self.membership.close();
        self.lock.release().await;
    }

    async fn lost(&self) -> Lost {
        let switched = async {
            match self.sharing {
                Sharing::Alone => self.continuity.switched_since(self.switches).await,
                // Such a node is fenced by the new generation, and joins again.
                Sharing::Cluster => std::future::pending().await,
            }
        };
        tokio::select! {
            lost = self.lock.lost() => lost,
            () = switched => Lost::History,
        }
    }
}
