//! Reading the states of entities that become active: whatever waits is read at once, as commits are
//! written. No timer: while one read runs, the next batch gathers.

use std::sync::Arc;

use fritzy_domain::{EntityId, ReadModel, State, Stored};
use fritzy_types::StorageError;
use tokio::sync::{mpsc, oneshot};

/// States in one read; larger ones only add latency.
const BATCH_LEN_MAX: usize = 256;
/// Reads waiting. Each holds a place among the node's requests, which are bounded before; one that
/// finds no room waits in its own actor.
const QUEUE_LEN_MAX: usize = 1_024;

type Answer = Result<Option<Stored<State>>, StorageError>;

struct Wanted {
    id: EntityId,
    answer: oneshot::Sender<Answer>,
}

/// A handle to the task that reads states.
#[derive(Clone)]
pub(crate) struct Activations {
    queue: mpsc::Sender<Wanted>,
}

impl Activations {
    /// Starts the task; it ends with the last handle.
    pub(crate) fn start(read_model: Arc<dyn ReadModel>) -> Self {
        let (queue, wanted) = mpsc::channel(QUEUE_LEN_MAX);
        tokio::spawn(run(read_model, wanted));
        Self { queue }
    }

    /// The state of an entity, if it exists.
    pub(crate) async fn load(&self, id: EntityId) -> Answer {
        let (answer, answered) = oneshot::channel();
        let stopped = || StorageError::Unavailable("the node is stopping".into());
        self.queue
            .send(Wanted { id, answer })
            .await
            .map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn run(read_model: Arc<dyn ReadModel>, mut wanted: mpsc::Receiver<Wanted>) {
    let mut batch = Vec::with_capacity(BATCH_LEN_MAX);
    while wanted.recv_many(&mut batch, BATCH_LEN_MAX).await > 0 {
        let ids: Vec<EntityId> = batch.iter().map(|wanted| wanted.id).collect();
        match read_model.load(&ids).await {
            Ok(states) => {
                for (wanted, state) in batch.drain(..).zip(states) {
                    // An actor that has stopped needs no state.
                    let _ = wanted.answer.send(Ok(state));
                }
            }
            // One that cannot be read must not keep the others from being read.
            Err(StorageError::Unreadable(_)) if batch.len() > 1 => {
                for wanted in batch.drain(..) {
                    let state = read_model.load(&[wanted.id]).await;
                    let _ = wanted
                        .answer
                        .send(state.map(|mut states| states.pop().flatten()));
                }
            }
            Err(failure) => {
                for wanted in batch.drain(..) {
                    let _ = wanted.answer.send(Err(failure.clone()));
                }
            }
        }
    }
}
