//! Batched reads of the states of entities that become active. There is no timer: while one read
//! runs, the next batch gathers, as in the committer.

use std::sync::Arc;

use fritzy_domain::{EntityId, Kind, ReadModel, State, Stored};
use fritzy_types::StorageError;
use futures_util::future::try_join_all;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// States in one read; larger batches only add latency.
const BATCH_LEN_MAX: usize = 256;
/// Reads in the queue. Each belongs to a request that holds a permit of the node, so their number
/// is bounded already; a read that finds the queue full waits in its own actor.
const QUEUE_LEN_MAX: usize = 1_024;

struct PendingRead {
    id: EntityId,
    reply: oneshot::Sender<Result<Option<Stored<State>>, StorageError>>,
}

/// A handle to the task that reads states.
#[derive(Clone)]
pub(crate) struct Activations {
    queue: mpsc::Sender<PendingRead>,
}

impl Activations {
    /// Starts the task; it ends when the last handle is dropped.
    pub(crate) fn start(read_model: Arc<dyn ReadModel>) -> Self {
        let (queue, pending) = mpsc::channel(QUEUE_LEN_MAX);
        tokio::spawn(run(read_model, pending));
        Self { queue }
    }

    /// The state of an entity, if it exists.
    pub(crate) async fn load(&self, id: EntityId) -> Result<Option<Stored<State>>, StorageError> {
        let (reply, receiver) = oneshot::channel();
        let stopped = || StorageError::Unavailable("the node is stopping".into());
        self.queue
            .send(PendingRead { id, reply })
            .await
            .map_err(|_| stopped())?;
        receiver.await.map_err(|_| stopped())?
    }

    /// The state of the entity with this id, whatever its kind is; most often in one read.
    pub(crate) async fn find(&self, id: Uuid) -> Result<Option<Stored<State>>, StorageError> {
        let of_kind = |kind| self.load(EntityId::from_uuid(kind, id));
        let states = try_join_all(Kind::ALL.map(of_kind)).await?;
        Ok(states.into_iter().flatten().next())
    }
}

async fn run(read_model: Arc<dyn ReadModel>, mut pending: mpsc::Receiver<PendingRead>) {
    let mut batch = Vec::with_capacity(BATCH_LEN_MAX);
    while pending.recv_many(&mut batch, BATCH_LEN_MAX).await > 0 {
        let ids: Vec<EntityId> = batch.iter().map(|read| read.id).collect();
        match read_model.load(&ids).await {
            Ok(states) => {
                for (read, state) in batch.drain(..).zip(states) {
                    // An actor that has stopped needs no state.
                    let _ = read.reply.send(Ok(state));
                }
            }
            // One unreadable state must not keep the others from being read.
            Err(StorageError::Unreadable(_)) if batch.len() > 1 => {
                for read in batch.drain(..) {
                    let state = read_model.load(&[read.id]).await;
                    let _ = read
                        .reply
                        .send(state.map(|mut states| states.pop().flatten()));
                }
            }
            Err(failure) => {
                for read in batch.drain(..) {
                    let _ = read.reply.send(Err(failure.clone()));
                }
            }
        }
    }
}
