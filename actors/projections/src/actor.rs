//! The actors of projections: one for each projection, and a supervisor that restarts them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use fritzy_domain::{Cursors, Journal};
use fritzy_types::{ShardId, ShardLease};
use futures_util::future::{BoxFuture, join_all};
use prometheus_client::registry::Registry;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, warn};

use crate::assignment::{Assignment, AssignmentTracker};
use crate::context::Context;
use crate::runner;
use crate::status::{Counts, ProjectionMetrics};
use crate::{ProjectionStart, ProjectionStatus};

/// From the request to stop until cursors are saved. A projection that waits for an unreachable
/// system does not react to it.
const STOP_MAX: Duration = Duration::from_secs(3);
/// For saving the cursors of shards that are released. Events behind a cursor that is not saved by
/// then are delivered again, by the next owner.
const RELEASE_MAX: Duration = Duration::from_secs(3);
/// Delay before an actor that died is restarted.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// The running projections of a node.
pub struct Projections {
    supervisor: ActorRef<SupervisorMessage>,
    stop: CancellationToken,
    /// Nothing runs on once this is dropped.
    _stop_on_drop: DropGuard,
    assignment: watch::Sender<Assignment>,
    /// The shards that each of them holds.
    held: Vec<watch::Receiver<HashSet<ShardLease>>>,
    counts: Vec<(&'static str, Counts)>,
}

impl Projections {
    /// Starts projections for the shards of these leases; [`Self::assign`] and [`Self::release`]
    /// change them. A projection is not started before it has a shard.
    ///
    /// # Errors
    /// When the supervisor cannot be spawned.
    pub fn start(
        starts: Vec<Arc<dyn ProjectionStart>>,
        leases: &[ShardLease],
        journal: &Journal,
        cursors: &Arc<dyn Cursors>,
        registry: &mut Registry,
    ) -> BoxFuture<'static, Result<Self, SpawnErr>> {
        let metrics = ProjectionMetrics::default();
        metrics.register(registry);
        let stop = CancellationToken::new();
        let assignment = watch::Sender::<Assignment>::default();
        assignment.send_modify(|assignment| assignment.add(leases));
        let context = |start: Arc<dyn ProjectionStart>| {
            Arc::new(Context {
                counts: metrics.of(start.name()),
                start,
                journal: journal.clone(),
                cursors: cursors.clone(),
                assignments: AssignmentTracker::new(assignment.subscribe()),
                stop: stop.clone(),
            })
        };
        let contexts: Vec<Arc<Context>> = starts.into_iter().map(context).collect();
        let held = contexts.iter().map(|context| context.assignments.held());
        let held = held.collect();
        let counts = contexts.iter();
        let counts = counts.map(|context| (context.name(), context.counts.clone()));
        let counts = counts.collect();
        // Boxed, so that it is compiled here and not in every crate that calls it (ADR 0040).
        Box::pin(async move {
            let (supervisor, _) = Actor::spawn(None, Supervisor, contexts).await?;
            Ok(Self {
                supervisor,
                _stop_on_drop: stop.clone().drop_guard(),
                stop,
                assignment,
                held,
                counts,
            })
        })
    }

    /// The name and status of each projection.
    pub fn status(&self) -> impl Iterator<Item = (&'static str, ProjectionStatus)> {
        self.counts
            .iter()
            .map(|(name, counts)| (*name, counts.status()))
    }

    /// Follows these shards from now on, each behind its saved cursor, so that no event is left out
    /// which their last owner had not acknowledged. Call it after the leases were acquired. A shard
    /// that is followed under another lease is released first.
    pub fn assign(&self, leases: &[ShardLease]) {
        self.assignment
            .send_modify(|assignment| assignment.add(leases));
    }

    /// Releases these shards. When this returns, acknowledged events are saved, and none of the
    /// shards is fed or saved any more. A projection that does not react within 3 s releases them
    /// later; the cursors that it saves then are rejected as soon as the shards have another owner.
    pub async fn release(&self, shards: &[ShardId]) {
        let mut leases = Vec::new();
        self.assignment
            .send_modify(|assignment| leases = assignment.remove(shards));
        let released = self.held.iter().map(async |held| {
            let mut held = held.clone();
            let is_released = |held: &HashSet<_>| leases.iter().all(|lease| !held.contains(lease));
            // An error means that the runner has ended.
            let _ = held.wait_for(is_released).await;
        });
        if timeout(RELEASE_MAX, join_all(released)).await.is_err() {
            warn!("a projection did not release its shards in time");
        }
    }

    /// Drops all shards at once: this node was fenced, and others may own them. Running projections
    /// are dropped, producers included, and nothing is saved. They are restarted with the next
    /// shards.
    pub fn abandon(&self) {
        self.assignment.send_modify(Assignment::abandon);
    }

    /// Ends all projections at once, as a crash of this process would: nothing is saved any more.
    pub fn kill(&self) {
        self.supervisor.kill();
    }

    /// Stops all projections, once their acknowledged events are saved. One that does not react
    /// within 3 s is killed; events whose cursor it has not saved are delivered again.
    pub async fn stop(&self) {
        self.stop.cancel();
        // Errors mean that the supervisor has stopped already.
        let _ = self.supervisor.send_message(SupervisorMessage::Stop);
        if self.supervisor.wait(Some(STOP_MAX)).await.is_err() {
            warn!("a projection did not stop in time; killing it");
            self.kill();
            let _ = self.supervisor.wait(Some(STOP_MAX)).await;
        }
    }
}

struct Supervisor;

enum SupervisorMessage {
    /// Start this projection, the first time or again.
    Start(Arc<Context>),
    /// Stop once the last projection has stopped.
    Stop,
}

impl ractor::Message for SupervisorMessage {}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = HashMap<ActorId, Arc<Context>>;
    type Arguments = Vec<Arc<Context>>;

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        contexts: Vec<Arc<Context>>,
    ) -> Result<Self::State, ActorProcessingErr> {
        for context in contexts {
            myself.send_message(SupervisorMessage::Start(context))?;
        }
        Ok(HashMap::new())
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let context = match message {
            SupervisorMessage::Start(context) if !context.stop.is_cancelled() => context,
            SupervisorMessage::Start(_) | SupervisorMessage::Stop => {
                if state.is_empty() {
                    myself.stop(None);
                }
                return Ok(());
            }
        };
        let (actor, _) =
            Actor::spawn_linked(None, ProjectionActor, context.clone(), myself.get_cell()).await?;
        state.insert(actor.get_id(), context);
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
        let Some(context) = state.remove(&actor) else {
            return Ok(());
        };
        if context.stop.is_cancelled() {
            if state.is_empty() {
                myself.stop(None);
            }
            return Ok(());
        }
        error!(
            projection = context.name(),
            reason, "a projection's actor died; restarting it"
        );
        context.counts.restarted();
        myself.send_after(RESTART_DELAY, || SupervisorMessage::Start(context));
        Ok(())
    }
}

struct ProjectionActor;

/// Its only message: run the projection.
struct Run;

impl ractor::Message for Run {}

impl Actor for ProjectionActor {
    type Msg = Run;
    type State = Arc<Context>;
    type Arguments = Arc<Context>;

    async fn pre_start(
        &self,
        myself: ActorRef<Run>,
        context: Arc<Context>,
    ) -> Result<Arc<Context>, ActorProcessingErr> {
        myself.send_message(Run)?;
        Ok(context)
    }

    async fn handle(
        &self,
        myself: ActorRef<Run>,
        Run: Run,
        context: &mut Arc<Context>,
    ) -> Result<(), ActorProcessingErr> {
        runner::run(context).await;
        myself.stop(None);
        Ok(())
    }
}
