//! Injects the faults one after the other, and measures how long each keeps shards from clients.

use std::thread;
use std::time::{Duration, Instant};

use fritzy_testbed::ServiceError;
use fritzy_testbed_faults::FaultCluster;
use serde::{Deserialize, Serialize};

use super::plan::{Plan, PlannedFault, SoakFault};
use super::recovery::{Recovery, recovery};
use super::shared::Shared;

/// For requests of probes that are on their way through the node that is about to fail: their
/// failure says nothing about shards.
const PROBES_LEAVE: Duration = Duration::from_millis(300);
/// From the end of a fault until the cluster is whole: two fail-overs, and a start on a busy
/// machine.
const WHOLE_MAX: Duration = Duration::from_secs(60);
/// No fault begins later than this before the end of the load: it would not be measured.
const LAST_FAULT: Duration = Duration::from_secs(20);
/// Between two looks at what probes have seen.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Between two looks at the nodes, each of which starts a process for each node.
const STATUS_INTERVAL: Duration = Duration::from_millis(500);

/// One fault and its effect. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// What kind of fault it was.
    pub kind: SoakFault,
    /// The fault with its target.
    pub fault: String,
    /// When it was injected, from the start of the load.
    pub injected_at_s: f64,
    /// From its injection until it was healed.
    pub lasted_s: f64,
    /// From its injection until a write to every shard has succeeded again.
    pub served_after_s: Option<f64>,
    /// From its injection until all nodes ran, reported all shards as served, and owned some.
    pub whole_after_s: Option<f64>,
    /// Shards that took no write for at least a second, or rejected one.
    pub interrupted_shards_count: u16,
    /// Shards that did so again after their recovery, such as while they moved to a node that
    /// returned, or because the machine was busy.
    pub interrupted_later_shards_count: u16,
    /// What could not be done, or did not happen in time.
    pub failure: Option<String>,
}

/// Executes the plan until `is_wanted` is false or the time is over, and reports each fault. The
/// fault of that moment is healed first, and its recovery awaited.
pub(crate) fn execute(
    mut plan: Plan,
    (duration, faults_max): (Duration, Option<u32>),
    cluster: &FaultCluster,
    shared: &Shared,
    is_wanted: &(dyn Fn() -> bool + Sync),
    report: &(dyn Fn(FaultRecord) + Sync),
) {
    let wait_until = |at: Duration| {
        while is_wanted() && shared.elapsed() < at {
            thread::sleep(POLL_INTERVAL.min(at.saturating_sub(shared.elapsed())));
        }
    };
    for _ in 0..faults_max.unwrap_or(u32::MAX) {
        let planned = plan.draw();
        if planned.at + LAST_FAULT > duration {
            wait_until(duration);
            return;
        }
        wait_until(planned.at);
        if !is_wanted() {
            return;
        }
        report(one(&planned, cluster, shared, &wait_until));
    }
}

fn one(
    planned: &PlannedFault,
    cluster: &FaultCluster,
    shared: &Shared,
    wait_until: &dyn Fn(Duration),
) -> FaultRecord {
    shared.begin_fault(planned.fault.node());
    thread::sleep(PROBES_LEAVE);
    shared.begin_probing();
    let injected_at = shared.elapsed();
    let injected = cluster.inject(&planned.fault);
    // Those that were sent before it took effect may have shown nothing.
    shared.probe_all();
    wait_until(injected_at + planned.lasts);
    let healed = cluster.heal(&planned.fault);
    let healed_at = shared.elapsed();
    let (found, whole_at) = wait_whole(cluster, shared, injected_at, healed_at);
    shared.end_fault();
    let failure = injected
        .and(healed)
        .err()
        .map(|failure| failure.to_string());
    let failure = failure.or_else(|| {
        let is_late = whole_at.is_none();
        is_late.then(|| format!("not whole within {WHOLE_MAX:?} after it was healed"))
    });
    FaultRecord {
        kind: planned.kind,
        fault: planned.fault.to_string(),
        injected_at_s: injected_at.as_secs_f64(),
        lasted_s: (healed_at - injected_at).as_secs_f64(),
        served_after_s: found.after_injection.map(|after| after.as_secs_f64()),
        whole_after_s: whole_at.map(|at| (at - injected_at).as_secs_f64()),
        interrupted_shards_count: found.interrupted_shards,
        interrupted_later_shards_count: found.interrupted_later_shards,
        failure,
    }
}

/// Waits until every shard has taken a write that was sent after the healing, and the cluster is
/// whole. Returns what the fault meant, and when the cluster was whole.
fn wait_whole(
    cluster: &FaultCluster,
    shared: &Shared,
    injected_at: Duration,
    healed_at: Duration,
) -> (Recovery, Option<Duration>) {
    let began = Instant::now();
    let shards = shared.shards();
    loop {
        let probes = shared.probes();
        let found = recovery(&probes, shards, injected_at, healed_at);
        let after_healing = recovery(&probes, shards, healed_at, healed_at);
        if found.after_injection.is_some() && after_healing.after_injection.is_some() {
            match is_whole(cluster) {
                Ok(true) => return (found, Some(shared.elapsed())),
                // A node that is starting refuses, and one that hangs is late.
                Ok(false) | Err(_) => thread::sleep(STATUS_INTERVAL),
            }
        }
        if began.elapsed() > WHOLE_MAX {
            return (found, None);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Whether all nodes run and own shards, and all shards are served.
fn is_whole(cluster: &FaultCluster) -> Result<bool, ServiceError> {
    if !cluster.is_served() {
        return Ok(false);
    }
    let shares = cluster.shares()?;
    Ok(shares.len() == cluster.pids().len() && !shares.contains(&0))
}
