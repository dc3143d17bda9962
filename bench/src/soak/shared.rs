//! What clients, probes and faults share: the phase of the run, and the record of what was seen.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::api::Failure;
use super::counts::{Counts, Latencies, UnknownOutcome};
use super::ledger::{WrongAnswer, WrongKind};
use super::recovery::ProbeResult;

/// Wrong answers, and requests of unknown outcome, that are kept with their details; all are
/// counted.
const DETAILS_MAX: usize = 100;

/// What happens at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Phase {
    /// The load is over.
    pub(crate) is_over: bool,
    /// There is a fault, or its effects.
    pub(crate) has_fault: bool,
    /// The node that the fault concerns: probes reach shards through the others.
    pub(crate) avoided: Option<usize>,
    /// Grows when every probe must write at once.
    pub(crate) round: u64,
}

/// Shared by all parts of a run.
#[derive(Debug)]
pub(crate) struct Shared {
    start: Instant,
    shards: u16,
    phase: watch::Sender<Phase>,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    counts: Counts,
    latencies: Latencies,
    wrong: Vec<WrongAnswer>,
    wrong_count: u64,
    unknown: Vec<UnknownOutcome>,
    /// Results since the last fault began.
    probes: Vec<ProbeResult>,
}

/// What was recorded, at the end.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) counts: Counts,
    pub(crate) latencies: Latencies,
    pub(crate) wrong: Vec<WrongAnswer>,
    pub(crate) wrong_count: u64,
    pub(crate) unknown: Vec<UnknownOutcome>,
}

/// A request of a client, as it is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) operation: &'static str,
    /// The node that it was sent to, from 0.
    pub(crate) node: usize,
    /// When it was sent, from the start of the load.
    pub(crate) at: Duration,
    /// Whether there was a fault when it was sent.
    pub(crate) during_fault: bool,
}

impl Shared {
    /// For a cluster with so many shards. Time is counted from now.
    pub(crate) fn new(shards: u16) -> Self {
        Self {
            start: Instant::now(),
            shards,
            phase: watch::Sender::new(Phase::default()),
            record: Mutex::new(Record::default()),
        }
    }

    /// A panic under this lock leaves nothing half done: results are added whole.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since the start of the load.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) const fn shards(&self) -> u16 {
        self.shards
    }

    /// Follows the phase.
    pub(crate) fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// A fault is about to begin: probes avoid its node from now on.
    pub(crate) fn begin_fault(&self, node: Option<usize>) {
        self.phase.send_modify(|phase| {
            phase.has_fault = true;
            phase.avoided = node;
        });
    }

    /// Results of probes count from now on, and every probe writes at once.
    pub(crate) fn begin_probing(&self) {
        self.record().probes.clear();
        self.probe_all();
    }

    /// Every probe writes at once.
    pub(crate) fn probe_all(&self) {
        self.phase.send_modify(|phase| phase.round += 1);
    }

    /// A fault and its effects are over.
    pub(crate) fn end_fault(&self) {
        self.phase.send_modify(|phase| {
            phase.has_fault = false;
            phase.avoided = None;
        });
    }

    /// The load is over: clients and probes end.
    pub(crate) fn end_load(&self) {
        self.phase.send_modify(|phase| phase.is_over = true);
    }

    pub(crate) fn add_probe(&self, result: ProbeResult) {
        self.record().probes.push(result);
    }

    /// The results of all probes since [`Self::begin_probing`].
    pub(crate) fn probes(&self) -> Vec<ProbeResult> {
        self.record().probes.clone()
    }

    /// Counts a request of a client.
    pub(crate) fn add_request(&self, sent: Sent, failure: Option<&Failure>) {
        let took = self.elapsed().saturating_sub(sent.at);
        let mut record = self.record();
        record.counts.add(sent.operation, failure);
        match failure {
            None => record.latencies.record(took, sent.during_fault),
            Some(Failure::Unknown(code)) if record.unknown.len() < DETAILS_MAX => {
                record.unknown.push(UnknownOutcome {
                    sent_at_s: sent.at.as_secs_f64(),
                    took_s: took.as_secs_f64(),
                    operation: sent.operation.to_owned(),
                    node: sent.node + 1,
                    code: code.clone(),
                });
            }
            Some(_) => {}
        }
        drop(record);
        if let Some(failure) = failure {
            self.judge_failure(sent.operation, failure);
        }
    }

    /// Counts a failure that no correct shop has. An entity that was acknowledged and is not found
    /// is a lost one.
    pub(crate) fn judge_failure(&self, operation: &str, failure: &Failure) {
        if let Failure::Wrong(detail) = failure {
            let kind = match detail.contains("NOT_FOUND") {
                true => WrongKind::LostWrite,
                false => WrongKind::WrongResponse,
            };
            self.add_wrong(WrongAnswer::new(kind, format!("{operation}: {detail}")));
        }
    }

    pub(crate) fn add_wrong(&self, wrong: WrongAnswer) {
        let mut record = self.record();
        record.wrong_count += 1;
        if record.wrong.len() < DETAILS_MAX {
            record.wrong.push(wrong);
        }
    }

    /// Requests, and how many of them have no result.
    pub(crate) fn counts(&self) -> Counts {
        self.record().counts.clone()
    }

    pub(crate) fn wrong_count(&self) -> u64 {
        self.record().wrong_count
    }

    /// Everything recorded, which is empty afterwards.
    pub(crate) fn take_recorded(&self) -> Recorded {
        let record = std::mem::take(&mut *self.record());
        Recorded {
            counts: record.counts,
            latencies: record.latencies,
            wrong: record.wrong,
            wrong_count: record.wrong_count,
            unknown: record.unknown,
        }
    }
}
