//! The runner of one projection on this node: one task that feeds it with events, receives its
//! acknowledgements, and saves cursors.
//!
//! Shards that keep up are fed by the committer. A shard that has missed something is read from the
//! journal, page by page, in turn with the others that lag, until it has caught up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fritzy_domain::{CommitFeed, Generations};
use fritzy_types::{ShardId, ShardLease};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use crate::assignment::Assignment;
use crate::context::Context;
use crate::ended::Ended;
use crate::event_loop::ProjectionLoop;
use crate::progress::Progress;
use crate::shard_progress::ProgressTable;
use crate::waiting::Waiting;
use crate::{Projection, ProjectionError};

/// Delay before a failed projection, or an unavailable store, is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// A run that fails so soon counts as short. The next one may fail likewise, and each run repeats
/// what the last one had not acknowledged: after a dozen short runs in a row the delay is longer. A
/// projection that cannot start, or waits for the store, repeats nothing.
const SHORT_RUN: Duration = Duration::from_secs(30);
/// Short runs in a row that are retried after [`RETRY_DELAY`].
const SHORT_RUNS_MAX: u32 = 12;
/// Delay after more short runs than that.
const LONG_RETRY_DELAY: Duration = Duration::from_secs(30);

type Opened = (
    Box<dyn CommitFeed>,
    HashMap<ShardId, Progress>,
    Box<dyn Projection>,
    Arc<Generations>,
);

/// Runs until a stop is requested. What is acknowledged by then is saved.
pub(super) async fn run(context: &Context) {
    let name = context.name();
    let mut waiting = Waiting::new(name);
    let mut short_runs = 0;
    loop {
        let began = Instant::now();
        let abandoned = context.assignments.abandoned();
        let ended = tokio::select! {
            biased;
            // The projection is dropped wherever it is, and saves nothing: others own its shards.
            () = context.assignments.abandoned_since(abandoned) => Ended::Abandoned,
            ended = run_once(context, &mut waiting) => ended,
        };
        short_runs = if matches!(ended, Ended::Failed(_)) && began.elapsed() < SHORT_RUN {
            short_runs + 1
        } else {
            0
        };
        match ended {
            Ended::Stopped => return,
            Ended::Abandoned => {
                match context.assignments.abandoned_shards() {
                    0 => debug!(projection = name, "a projection ends without shards"),
                    shards => {
                        warn!(
                            projection = name,
                            shards, "a projection abandoned its shards"
                        );
                    }
                }
                continue;
            }
            Ended::Failed(ProjectionError::Waits(reason))
            | Ended::NotStarted(ProjectionError::Waits(reason)) => waiting.begin(reason),
            Ended::Failed(error) | Ended::NotStarted(error) => {
                context.counts.restarted();
                warn!(projection = name, reason = %error, "a projection failed; restarting it at its cursors");
            }
            Ended::Store(failure) => {
                warn!(projection = name, %failure, "a projection waits for the store");
            }
        }
        let delay = if short_runs > SHORT_RUNS_MAX {
            LONG_RETRY_DELAY
        } else {
            RETRY_DELAY
        };
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = sleep(delay) => {}
        }
    }
}

async fn run_once(context: &Context, waiting: &mut Waiting) -> Ended {
    let _holding = context.assignments.release_on_drop();
    let mut assignment = context.assignments.watch();
    let opened = tokio::select! {
        () = context.stop.cancelled() => return Ended::Stopped,
        opened = open(context, &mut assignment) => opened,
    };
    let (feed, shards, projection, generations) = match opened {
        Ok(opened) => opened,
        Err(ended) => return ended,
    };
    waiting.end();
    let progress = ProgressTable::new(context, assignment, shards);
    let projection = ProjectionLoop::new(projection, feed, progress, generations);
    projection.run().await
}

/// Starts the projection as soon as shards are assigned, with those that are assigned then.
async fn open(
    context: &Context,
    assignment: &mut watch::Receiver<Assignment>,
) -> Result<Opened, Ended> {
    context.report_lag(&HashMap::new());
    if assignment
        .wait_for(|assignment| !assignment.leases.is_empty())
        .await
        .is_err()
    {
        return Err(Ended::Stopped);
    }
    let feed = context.journal.feed();
    let generations = Arc::new(context.journal.generations().await?);
    let mut starting = context.start.start(&generations);
    loop {
        let leases = context.assignments.hold(assignment, &[]);
        let leases = leases.expect("nothing is followed yet");
        let leases: Vec<ShardLease> = leases.into_values().collect();
        let shards = context.open_shards(&leases).await?;
        // The start may take long.
        context.report_lag(&shards);
        tokio::select! {
            biased;
            Ok(()) = assignment.changed() => {}
            started = &mut starting => {
                let projection = started.map_err(Ended::NotStarted)?;
                return Ok((feed, shards, projection, generations.clone()));
            }
        }
    }
}
