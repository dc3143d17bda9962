//! The actors of projections: one for each, and a supervisor that starts those anew that die.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use fritzy_domain::{Cursors, Journal};
use fritzy_types::{ShardId, ShardLease};
use futures_util::future::join_all;
use prometheus_client::registry::Registry;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{error, warn};

use crate::assignment::{Owned, Ownership};
use crate::runner::Runner;
use crate::status::{Counts, ProjectionMetrics};
use crate::{ProjectionStart, ProjectionStatus};

/// From the word to stop until cursors are saved: a projection that waits for a world that is away does not hear it.
const STOP_MAX: Duration = Duration::from_secs(3);
/// For cursors of shards that are left to be saved: what is not saved by then is done again by whoever has them next.
const DISOWN_MAX: Duration = Duration::from_secs(3);
/// Before an actor that died is started anew.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The running projections of a node.
pub struct Projections {
    supervisor: ActorRef<SupervisorMessage>,
    stop: watch::Sender<bool>,
    owned: watch::Sender<Owned>,
    /// What each of them has taken up.
    held: Vec<watch::Receiver<HashSet<ShardLease>>>,
    counts: Vec<(&'static str, Counts)>,
}

impl Projections {
    /// Starts these, for the shards of these leases; [`Self::own`] and [`Self::disown`] change them. Without any shard, a
    /// projection waits to be started.
    ///
    /// # Errors
    /// [`SpawnErr`]
    pub async fn start(
        starts: Vec<Arc<dyn ProjectionStart>>,
        leases: &[ShardLease],
        journal: &Journal,
        cursors: &Arc<dyn Cursors>,
        registry: &mut Registry,
    ) -> Result<Self, SpawnErr> {
        let metrics = ProjectionMetrics::default();
        metrics.register(registry);
        let (stop, stopped) = watch::channel(false);
        let owned = watch::Sender::<Owned>::default();
        owned.send_modify(|owned| owned.add(leases));
        let runner = |start: Arc<dyn ProjectionStart>| {
            Arc::new(Runner {
                counts: metrics.of(start.name()),
                start,
                journal: journal.clone(),
                cursors: cursors.clone(),
                ownership: Ownership::new(owned.subscribe()),
                stop: stopped.clone(),
            })
        };
        let runners: Vec<Arc<Runner>> = starts.into_iter().map(runner).collect();
        let held = runners.iter().map(|runner| runner.ownership.held());
        let held = held.collect();
        let counts = runners.iter();
        let counts = counts.map(|runner| (runner.start.name(), runner.counts.clone()));
        let counts = counts.collect();
        let (supervisor, _) = Actor::spawn(None, Supervisor, runners).await?;
        Ok(Self {
            supervisor,
            stop,
            owned,
            held,
            counts,
        })
    }

    /// What is known of each.
    pub fn status(&self) -> impl Iterator<Item = (&'static str, ProjectionStatus)> {
        self.counts
            .iter()
            .map(|(name, counts)| (*name, counts.status()))
    }

    /// Follows these shards from now on, each behind its saved cursor: nothing that was not confirmed by whoever had it before
    /// is left out. Call it once they are claimed. One that is followed under another lease is left first.
    pub fn own(&self, leases: &[ShardLease]) {
        self.owned.send_modify(|owned| owned.add(leases));
    }

    /// Leaves these shards: what is done already is saved, and nothing of them is taken or saved any more when this
    /// returns. A projection that does not come to it within 3 s leaves them later; what it saves then is refused,
    /// once they have another owner.
    pub async fn disown(&self, shards: &[ShardId]) {
        let mut leases = Vec::new();
        self.owned
            .send_modify(|owned| leases = owned.remove(shards));
        let left = self.held.iter().map(async |held| {
            let mut held = held.clone();
            let is_left = |held: &HashSet<_>| leases.iter().all(|lease| !held.contains(lease));
            // An error means that it has ended.
            let _ = held.wait_for(is_left).await;
        });
        if timeout(DISOWN_MAX, join_all(left)).await.is_err() {
            warn!("a projection does not leave its shards in time");
        }
    }

    /// Leaves all shards at once: this node was fenced, and others may have them. What runs is ended, producers included, and
    /// nothing is saved; it is started anew with the next shards.
    pub fn abandon(&self) {
        self.owned.send_modify(|owned| {
            owned.leases.clear();
            owned.abandoned += 1;
        });
    }

    /// Ends all at once, as the end of this process would: nothing is saved any more.
    pub fn kill(&self) {
        self.supervisor.kill();
    }

    /// Stops all, once what is done is saved; one that does not come to it in time is ended all the same, and what it has
    /// not saved is done again.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        // Errors mean that it has stopped already.
        let _ = self.supervisor.send_message(SupervisorMessage::Stop);
        if self.supervisor.wait(Some(STOP_MAX)).await.is_err() {
            warn!("a projection does not stop; ending it");
            self.kill();
            let _ = self.supervisor.wait(Some(STOP_MAX)).await;
        }
    }
}

struct Supervisor;

enum SupervisorMessage {
    /// Start this one, at first or anew.
    Start(Arc<Runner>),
    /// Stop when the last has stopped.
    Stop,
}

impl ractor::Message for SupervisorMessage {}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = HashMap<ActorId, Arc<Runner>>;
    type Arguments = Vec<Arc<Runner>>;

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        runners: Vec<Arc<Runner>>,
    ) -> Result<Self::State, ActorProcessingErr> {
        for runner in runners {
            myself.send_message(SupervisorMessage::Start(runner))?;
        }
        Ok(HashMap::new())
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let runner = match message {
            SupervisorMessage::Start(runner) if !*runner.stop.borrow() => runner,
            SupervisorMessage::Start(_) | SupervisorMessage::Stop => {
                if state.is_empty() {
                    myself.stop(None);
                }
                return Ok(());
            }
        };
        let (actor, _) =
            Actor::spawn_linked(None, ProjectionActor, runner.clone(), myself.get_cell()).await?;
        state.insert(actor.get_id(), runner);
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (actor, reason) = match &event {
            SupervisionEvent::ActorTerminated(actor, _, reason) => {
                (actor.get_id(), reason.clone().unwrap_or_default())
            }
            SupervisionEvent::ActorFailed(actor, reason) => (actor.get_id(), reason.to_string()),
            _ => return Ok(()),
        };
        let Some(runner) = state.remove(&actor) else {
            return Ok(());
        };
        if *runner.stop.borrow() {
            if state.is_empty() {
                myself.stop(None);
            }
            return Ok(());
        }
        error!(
            projection = runner.start.name(),
            reason, "a projection's actor died; starting anew"
        );
        runner.counts.restarted();
        myself.send_after(AGAIN_AFTER, || SupervisorMessage::Start(runner));
        Ok(())
    }
}

struct ProjectionActor;

/// Its only message: work.
struct Run;

impl ractor::Message for Run {}

impl Actor for ProjectionActor {
    type Msg = Run;
    type State = Arc<Runner>;
    type Arguments = Arc<Runner>;

    async fn pre_start(
        &self,
        myself: ActorRef<Run>,
        runner: Arc<Runner>,
    ) -> Result<Arc<Runner>, ActorProcessingErr> {
        myself.send_message(Run)?;
        Ok(runner)
    }

    async fn handle(
        &self,
        myself: ActorRef<Run>,
        Run: Run,
        runner: &mut Arc<Runner>,
    ) -> Result<(), ActorProcessingErr> {
        runner.run().await;
        myself.stop(None);
        Ok(())
    }
}
