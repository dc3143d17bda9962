//! One opened database, as the ports the rest of the program uses.

use std::sync::Arc;

use async_trait::async_trait;
use fritzy_domain::{Cursors, Journal, ReadModel, ReadReplicas};
use fritzy_types::{Membership, Ownership};
use prometheus_client::registry::Registry;

use crate::committer::Committer;

/// One opened database.
#[derive(Clone)]
pub struct Stores {
    /// The events.
    pub journal: Journal,
    /// The states.
    pub read_model: Arc<dyn ReadModel>,
    /// The states and their copies, for lists.
    pub copies: Arc<dyn ReadReplicas>,
    /// The owners of shards.
    pub ownership: Arc<dyn Ownership>,
    /// How far projections have got.
    pub cursors: Arc<dyn Cursors>,
    /// The nodes that share the database; `None` for one that only one node can use.
    pub membership: Option<Arc<dyn Membership>>,
    /// Which database this is: another one under the same address has another generation. Empty for one of a single node.
    pub generation: String,
    pub(crate) committer: Committer,
    /// The store behind the ports, where it holds something of the world.
    pub(crate) behind: Option<Arc<dyn Behind>>,
}

/// What a store that holds a file or connections is asked besides the ports.
#[async_trait]
pub(crate) trait Behind: Send + Sync {
    /// Adds its metrics.
    fn register(&self, registry: &mut Registry);

    /// Closes what reads and claims. The committer writes on.
    async fn close_readers(&self);

    /// Gives the database free for others; the committer has stopped.
    async fn release(&self);

    /// Returns when the database is no longer this program's, with the reason.
    async fn lost(&self) -> String {
        std::future::pending().await
    }
}

impl Stores {
    /// Adds the stores' metrics to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        self.committer.register(registry);
        if let Some(behind) = &self.behind {
            behind.register(registry);
        }
    }

    /// Appends that wait to be written, now.
    pub fn queue_len(&self) -> usize {
        self.committer.queue_len()
    }

    /// Returns when another program has taken the database, or what writes has died, with what is known of it; until then it
    /// waits. Nothing can be written any more, and what is read may be old.
    pub async fn lost(&self) -> String {
        let taken = async {
            match &self.behind {
                Some(behind) => behind.lost().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            reason = taken => reason,
            () = self.committer.died() => {
                "a defect has ended what writes; it is logged above. Start it again".to_owned()
            }
        }
    }

    /// Writes what is queued, stops the committer, and gives the database free. Later appends and reads are
    /// refused.
    pub async fn close(&self) {
        if let Some(behind) = &self.behind {
            behind.close_readers().await;
        }
        self.committer.close().await;
        if let Some(behind) = &self.behind {
            behind.release().await;
        }
    }
}
