//! A SQLite file behind a journal whose commits fail, lose their outcome or take long, as the test
//! decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fritzy_actors::{Shop, ShopConfig};
use fritzy_domain::{
    Append, AppendError, AppendOutcome, Appending, CommandId, Journal, JournalWriter, RecordedEvent,
};
use fritzy_persistence::{SqliteConfig, Stores};
use fritzy_types::{NodeId, ShardCount};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::audit::Audit;

/// The fault of one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// It fails before taking effect.
    NotWritten,
    /// It takes effect, and its outcome is lost.
    OutcomeLost,
    /// It takes effect, and ends only when the gate opens; later appends wait behind it.
    Held,
    /// The same, and its outcome is lost in the end.
    HeldAndLost,
}

/// A shop on one SQLite file.
pub(crate) struct Disk {
    pub(crate) shop: Arc<Shop>,
    pub(crate) stores: Stores,
    pub(crate) commits: Arc<FaultyCommits>,
    _directory: TempDir,
}

pub(crate) struct FaultyCommits {
    queue: mpsc::UnboundedSender<Work>,
    /// Notified when a commit is held.
    pub(crate) held: Arc<Notify>,
    /// Opens for the held commit.
    pub(crate) gate: Arc<Notify>,
    /// The commands whose appends have reached the journal.
    appended: Mutex<Vec<CommandId>>,
}

type OutcomeSender = oneshot::Sender<Result<AppendOutcome, AppendError>>;

enum Work {
    Append(Box<Append>, OutcomeSender),
    Barrier(oneshot::Sender<()>),
}

impl Disk {
    /// A shop whose commits fail one after the other as `next_fault` returns.
    pub(crate) async fn new(next_fault: impl FnMut() -> Fault + Send + 'static) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let config = SqliteConfig {
            shards: ShardCount::new(8).expect("in range"),
            ..SqliteConfig::new(directory.path().join("fritzy.db"))
        };
        let stores = Stores::open_sqlite(config).await.expect("opens");
        let (queue, work) = mpsc::unbounded_channel();
        let commits = Arc::new(FaultyCommits {
            queue,
            held: Arc::default(),
            gate: Arc::default(),
            appended: Mutex::default(),
        });
        let (held, gate) = (commits.held.clone(), commits.gate.clone());
        tokio::spawn(run(stores.journal.clone(), work, next_fault, held, gate));
        let shop = Shop::start(
            ShopConfig::default(),
            NodeId::from_uuid(Uuid::now_v7()),
            Journal {
                writer: commits.clone(),
                ..stores.journal.clone()
            },
            stores.read_model.clone(),
            stores.ownership.as_ref(),
        );
        Self {
            shop: Arc::new(shop.await.expect("starts")),
            stores,
            commits,
            _directory: directory,
        }
    }
}

async fn run(
    journal: Journal,
    mut work: mpsc::UnboundedReceiver<Work>,
    mut next_fault: impl FnMut() -> Fault,
    held: Arc<Notify>,
    gate: Arc<Notify>,
) {
    let mut in_flight = JoinSet::new();
    while let Some(next) = work.recv().await {
        match next {
            Work::Append(append, outcome) => match next_fault() {
                Fault::NotWritten => drop(outcome.send(Err(failure(true)))),
                fault @ (Fault::Held | Fault::HeldAndLost) => {
                    let committed = journal.append(*append).await;
                    held.notify_one();
                    gate.notified().await;
                    let lost = fault == Fault::HeldAndLost;
                    drop(outcome.send(if lost { Err(failure(false)) } else { committed }));
                }
                fault => {
                    let committing = journal.append(*append);
                    in_flight.spawn(async move {
                        let committed = committing.await;
                        let lost = fault == Fault::OutcomeLost && committed.is_ok();
                        drop(outcome.send(if lost { Err(failure(false)) } else { committed }));
                    });
                }
            },
            Work::Barrier(passed) => {
                while in_flight.join_next().await.is_some() {}
                journal.barrier().await;
                let _ = passed.send(());
            }
        }
    }
}

fn failure(certainly_not_written: bool) -> AppendError {
    AppendError::Unavailable {
        reason: "injected".into(),
        certainly_not_written,
    }
}

impl FaultyCommits {
    /// Whether the append of a command has reached the journal.
    pub(crate) fn was_appended(&self, command: CommandId) -> bool {
        let appended = self.appended.lock().expect("not poisoned");
        appended.contains(&command)
    }
}

#[async_trait]
impl JournalWriter for FaultyCommits {
    fn append(&self, append: Append) -> Appending {
        let mut appended = self.appended.lock().expect("not poisoned");
        appended.push(append.command);
        let (outcome, receiver) = oneshot::channel();
        let queued = self.queue.send(Work::Append(Box::new(append), outcome));
        queued.expect("the task runs as long as its journal");
        Box::pin(async { receiver.await.expect("every append has an outcome") })
    }

    async fn barrier(&self) {
        let (passed, done) = oneshot::channel();
        let queued = self.queue.send(Work::Barrier(passed));
        queued.expect("the task runs as long as its journal");
        done.await.expect("every barrier passes");
    }
}

/// The events of each command.
pub(crate) fn by_command(found: &Audit) -> HashMap<CommandId, Vec<&RecordedEvent>> {
    let mut by_command: HashMap<CommandId, Vec<&RecordedEvent>> = HashMap::new();
    for recorded in found.events.values().flatten() {
        by_command
            .entry(recorded.command)
            .or_default()
            .push(recorded);
    }
    by_command
}
