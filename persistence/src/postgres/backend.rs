//! What the store holds besides its ports: the database lock and the connections.

use std::sync::Arc;

use async_trait::async_trait;
use prometheus_client::registry::Registry;

use super::database_lock::DatabaseLock;
use super::membership::PostgresMembership;
use super::read_pool::ReadPool;
use super::replica::PostgresReplicas;
use crate::stores::StoreBackend;

pub(super) struct PostgresBackend {
    reads: ReadPool,
    replicas: Arc<PostgresReplicas>,
    membership: Arc<PostgresMembership>,
    lock: DatabaseLock,
}

impl PostgresBackend {
    pub(super) const fn new(
        reads: ReadPool,
        replicas: Arc<PostgresReplicas>,
        membership: Arc<PostgresMembership>,
        lock: DatabaseLock,
    ) -> Self {
        Self {
            reads,
            replicas,
            membership,
            lock,
        }
    }
}

#[async_trait]
impl StoreBackend for PostgresBackend {
    fn register(&self, registry: &mut Registry) {
        let help = "Statements run to read";
        self.reads.register(registry, "read_statements", help);
        self.replicas.register(registry);
    }

    async fn close_readers(&self) {
        self.reads.close().await;
        self.replicas.close().await;
    }

    async fn release(&self) {
        self.membership.close();
        self.lock.release().await;
    }

    async fn lost(&self) -> String {
        self.lock.lost().await
    }
}
