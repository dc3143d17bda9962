//! One opened database, as the ports that the rest of the program uses.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_domain::{Cursors, Journal, ReadModel, ReadReplicas, TopicBindings};
use fritzy_types::{Membership, Ownership};
use prometheus_client::registry::Registry;

use crate::committer::Committer;

/// Why stores are of no further use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Another program has taken the database, or a committer has panicked: the reason is a
    /// sentence for the log. Opening it again does not help.
    Database(String),
    /// The database went backwards, and has begun a new generation; or something else than a node
    /// has claimed the shards of a node without others. Such a node opens it again, with nothing of
    /// what it knew.
    History,
}

/// One opened database. Clones share it.
#[derive(Clone)]
pub struct Stores {
    /// Appends and reads events.
    pub journal: Journal,
    /// Reads the state rows.
    pub read_model: Arc<dyn ReadModel>,
    /// Chooses where lists are read from: a replica or the primary.
    pub replicas: Arc<dyn ReadReplicas>,
    /// Claims shards for a node.
    pub ownership: Arc<dyn Ownership>,
    /// Stores how far projections have read each shard.
    pub cursors: Arc<dyn Cursors>,
    /// Stores which topics the database fills.
    pub topic_bindings: Arc<dyn TopicBindings>,
    /// The nodes that share the database; `None` for a database that only one node can use.
    pub membership: Option<Arc<dyn Membership>>,
    /// Identifies the database: another one at the same address has another id. Empty for a
    /// database of a single node.
    pub database: String,
    /// The committer and the connections behind the ports.
    pub(crate) engine: StoreEngine,
}

impl Stores {
    /// Adds the stores' metrics to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.engine.register(registry);
    }

    /// Appends that are queued and not yet written.
    pub fn queue_len(&self) -> usize {
        self.engine.committer.queue_len()
    }

    /// What stands still, if a committer does: it has been inside one step, such as waiting for the
    /// database, for longer than that step takes at most.
    pub fn stalled(&self) -> Option<String> {
        self.engine.committer.stalled()
    }

    /// Returns when these stores are of no further use: nothing can be written any more, and reads
    /// may return old states.
    pub async fn lost(&self) -> Lost {
        self.engine.lost().await
    }

    /// Returns when the database was found damaged: nothing is written or read any more.
    pub async fn damaged(&self) {
        self.engine.damaged().await;
    }

    /// Writes all queued appends, stops the committer, and releases the database. Later appends and
    /// reads fail.
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

/// What a store that holds a file or connections does besides its ports.
#[async_trait]
pub(crate) trait StoreBackend: Send + Sync {
    fn register(&self, registry: &mut Registry);

    /// Closes the connections for reads and claims. The committer continues.
    async fn close_readers(&self);

    /// Releases the database for other nodes. The committer has stopped by then.
    async fn release(&self);

    /// Returns when the database was found damaged.
    async fn damaged(&self) {
        std::future::pending().await
    }

    /// Returns when this node has lost the database.
    async fn lost(&self) -> Lost {
        std::future::pending().await
    }
}

/// The committer, and the backend of stores that have one.
#[derive(Clone)]
pub(crate) struct StoreEngine {
    committer: Committer,
    backend: Option<Arc<dyn StoreBackend>>,
}

impl StoreEngine {
    /// An engine without files or connections.
    pub(crate) const fn in_memory(committer: Committer) -> Self {
        Self {
            committer,
            backend: None,
        }
    }

    /// An engine whose files or connections `backend` holds.
    pub(crate) fn with_backend(committer: Committer, backend: impl StoreBackend + 'static) -> Self {
        Self {
            committer,
            backend: Some(Arc::new(backend)),
        }
    }

    fn register(&self, registry: &mut Registry) {
        self.committer.register(registry);
        if let Some(backend) = &self.backend {
            backend.register(registry);
        }
    }

    async fn lost(&self) -> Lost {
        let taken = async {
            match &self.backend {
                Some(backend) => backend.lost().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            lost = taken => lost,
            () = self.committer.panicked() => Lost::Database(
                "a committer has panicked; the panic is logged above. Restart the node".to_owned(),
            ),
        }
    }

    async fn damaged(&self) {
        match &self.backend {
            Some(backend) => backend.damaged().await,
            None => std::future::pending().await,
        }
    }

    async fn close(&self) {
        if let Some(backend) = &self.backend {
            backend.close_readers().await;
        }
        self.committer.close().await;
        if let Some(backend) = &self.backend {
            backend.release().await;
        }
    }
}
