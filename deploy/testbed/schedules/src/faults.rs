//! Executes the faults of a schedule at their times.

use std::thread;
use std::time::{Duration, Instant};

use fritzy_testbed_faults::{Fault, FaultCluster};

use crate::schedule::{Schedule, TimedFault};

/// When a fault really was there, in microseconds since the start.
#[derive(Debug, Clone)]
pub(crate) struct Executed {
    pub(crate) timed: TimedFault,
    /// Before it was injected.
    pub(crate) injected_us: u64,
    /// Before it was healed.
    pub(crate) healing_us: u64,
    /// What failed: the fault, or its end.
    pub(crate) failure: Option<String>,
}

/// Injects and heals each fault on a thread of its own. Returns when all are healed.
pub(crate) fn execute(
    schedule: &Schedule,
    cluster: &FaultCluster,
    start: Instant,
) -> Vec<Executed> {
    thread::scope(|scope| {
        let running: Vec<_> = schedule
            .faults
            .iter()
            .map(|timed| scope.spawn(move || one(timed, cluster, start)))
            .collect();
        let ended = running.into_iter();
        ended.map(|one| one.join().expect("no panic")).collect()
    })
}

fn one(timed: &TimedFault, cluster: &FaultCluster, start: Instant) -> Executed {
    let now_us = || start.elapsed().as_micros() as u64;
    sleep_until(start, timed.at());
    let injected_us = now_us();
    let injected = cluster.inject(&timed.fault);
    match timed.fault {
        // The standby first catches up, which takes time; then there must be something to lose.
        Fault::PromotionWithLoss => thread::sleep(Duration::from_millis(timed.for_ms)),
        _ => sleep_until(start, timed.until()),
    }
    let healing_us = now_us();
    // Also if it could not be injected completely.
    let healed = cluster.heal(&timed.fault);
    let failure = injected.and(healed).err();
    Executed {
        timed: timed.clone(),
        injected_us,
        healing_us,
        failure: failure.map(|failure| failure.to_string()),
    }
}

fn sleep_until(start: Instant, at: Duration) {
    thread::sleep((start + at).saturating_duration_since(Instant::now()));
}
