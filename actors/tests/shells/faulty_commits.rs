//! A real SQLite file behind a journal whose commits fail, lose their answers or take long, on demand.

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

use fritzy_testbed_shop::Audit;

/// What happens to one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// It fails before it took effect.
    NotWritten,
    /// It takes effect, and its answer is lost.
    AnswerLost,
    /// It takes effect, and ends only when the gate opens; what comes behind it waits.
    Held,
    /// The same, and its answer is lost in the end.
    HeldAndLost,
}

/// A shop on one file.
pub(crate) struct Disk {
    pub(crate) shop: Arc<Shop>,
    pub(crate) stores: Stores,
    pub(crate) commits: Arc<FaultyCommits>,
    _folder: TempDir,
}

pub(crate) struct FaultyCommits {
    queue: mpsc::UnboundedSender<Work>,
    /// Told when a commit is held.
    pub(crate) held: Arc<Notify>,
    /// Opens for a commit that is held.
    pub(crate) gate: Arc<Notify>,
    /// The commands that were handed in.
    handed_in: Mutex<Vec<CommandId>>,
}

type Answer = oneshot::Sender<Result<AppendOutcome, AppendError>>;

enum Work {
    Append(Box<Append>, Answer),
    Barrier(oneshot::Sender<()>),
}

impl Disk {
    /// A shop whose commits suffer what `next_fault` says, one after the other.
    pub(crate) async fn new(next_fault: impl FnMut() -> Fault + Send + 'static) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let config = SqliteConfig {
            shards: ShardCount::new(8).expect("in range"),
            ..SqliteConfig::new(folder.path().join("fritzy.db"))
        };
        let stores = Stores::open_sqlite(config).await.expect("opens");
        let (queue, work) = mpsc::unbounded_channel();
        let commits = Arc::new(FaultyCommits {
            queue,
            held: Arc::default(),
            gate: Arc::default(),
            handed_in: Mutex::default(),
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
            _folder: folder,
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
    let mut under_way = JoinSet::new();
    while let Some(next) = work.recv().await {
        match next {
            Work::Append(append, answer) => match next_fault() {
                Fault::NotWritten => drop(answer.send(Err(failure(true)))),
                fault @ (Fault::Held | Fault::HeldAndLost) => {
                    let committed = journal.append(*append).await;
                    held.notify_one();
                    gate.notified().await;
                    let lost = fault == Fault::HeldAndLost;
                    drop(answer.send(if lost { Err(failure(false)) } else { committed }));
                }
                fault => {
                    let committing = journal.append(*append);
                    under_way.spawn(async move {
                        let committed = committing.await;
                        let lost = fault == Fault::AnswerLost && committed.is_ok();
                        drop(answer.send(if lost { Err(failure(false)) } else { committed }));
                    });
                }
            },
            Work::Barrier(passed) => {
                while under_way.join_next().await.is_some() {}
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
    /// Whether a command has come as far as the journal.
    pub(crate) fn was_handed_in(&self, command: CommandId) -> bool {
        let handed_in = self.handed_in.lock().expect("not poisoned");
        handed_in.contains(&command)
    }
}

#[async_trait]
impl JournalWriter for FaultyCommits {
    fn append(&self, append: Append) -> Appending {
        let mut handed_in = self.handed_in.lock().expect("not poisoned");
        handed_in.push(append.command);
        let (answer, answered) = oneshot::channel();
        let queued = self.queue.send(Work::Append(Box::new(append), answer));
        queued.expect("the task runs as long as its journal");
        Box::pin(async { answered.await.expect("every append is answered") })
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
