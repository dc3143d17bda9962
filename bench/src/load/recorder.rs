//! What is kept of the requests of one run: latencies in histograms, counts by how they ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::outcome::{Outcome, Refusal};
use super::pace::{Turn, Window};

/// Latencies are kept in nanoseconds with three digits, up to an hour; what is longer counts as an hour.
const LATENCY_NS_MAX: u64 = 3_600 * 1_000_000_000;
const DIGITS: u8 = 3;

/// Of a request that was begun and given up.
const UNANSWERED: &str = "unanswered";

/// A recorder that several callers share. It is locked for some nanoseconds at a time.
pub(crate) type SharedRecorder = Arc<Mutex<Recorder>>;

/// What is kept of the requests of one run, or of one worker's part of it.
///
/// A request belongs to the run when it was meant to be sent within the window that counts; so warming up leaves no
/// trace, and one that is answered after the window still tells its latency. Throughput is counted by when answers
/// came.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    window: Window,
    /// Latency of what was accepted, in nanoseconds from the intended start.
    pub(crate) accepted_ns: Histogram<u64>,
    /// The same of what was refused.
    pub(crate) refused_ns: Histogram<u64>,
    /// How late requests were sent, in nanoseconds: waiting for a free connection, or for the generator itself.
    pub(crate) send_lag_ns: Histogram<u64>,
    /// Refusals by what was answered.
    pub(crate) refusals: BTreeMap<Refusal, u64>,
    /// Requests without an answer, by what happened instead.
    pub(crate) lost: BTreeMap<&'static str, u64>,
    /// Accepting answers that came within the window that counts.
    pub(crate) accepted_in_window: u64,
    /// Refusing answers that did.
    pub(crate) refused_in_window: u64,
    /// Accepting answers in each second of the run, warming up included.
    pub(crate) accepted_by_second: Vec<u64>,
}

impl Recorder {
    /// Nothing recorded.
    pub(crate) fn new(window: Window) -> Self {
        let histogram = || {
            Histogram::new_with_bounds(1, LATENCY_NS_MAX, DIGITS)
                .expect("these constants are within what a histogram can have")
        };
        let seconds = (window.measured_to - window.from).as_secs() + 1;
        let seconds = usize::try_from(seconds).expect("a run is short");
        Self {
            window,
            accepted_ns: histogram(),
            refused_ns: histogram(),
            send_lag_ns: histogram(),
            refusals: BTreeMap::new(),
            lost: BTreeMap::new(),
            accepted_in_window: 0,
            refused_in_window: 0,
            accepted_by_second: vec![0; seconds],
        }
    }

    /// Nothing recorded, for several callers.
    pub(crate) fn shared(window: Window) -> SharedRecorder {
        Arc::new(Mutex::new(Self::new(window)))
    }

    /// Takes down how a request ended at `ended`.
    pub(crate) fn record(&mut self, turn: Turn, outcome: Outcome, ended: Instant) {
        self.count_answer(&outcome, ended);
        if !self.window.counts(turn.intended) {
            return;
        }
        let lag = turn.sent.saturating_duration_since(turn.intended);
        self.send_lag_ns.saturating_record(nanos(lag));
        let latency = nanos(ended.saturating_duration_since(turn.intended));
        match outcome {
            Outcome::Accepted => self.accepted_ns.saturating_record(latency),
            Outcome::Refused(refusal) => {
                self.refused_ns.saturating_record(latency);
                *self.refusals.entry(refusal).or_default() += 1;
            }
            Outcome::Lost(how) => *self.lost.entry(how).or_default() += 1,
        }
    }

    /// Takes down a request that was begun and given up.
    pub(crate) fn record_unanswered(&mut self, turn: Turn) {
        if self.window.counts(turn.intended) {
            *self.lost.entry(UNANSWERED).or_default() += 1;
        }
    }

    /// Takes down what another recorder of the same run has.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.accepted_ns, &other.accepted_ns),
            (&mut self.refused_ns, &other.refused_ns),
            (&mut self.send_lag_ns, &other.send_lag_ns),
        ] {
            mine.add(theirs).expect("all have the same bounds");
        }
        for (refusal, count) in &other.refusals {
            *self.refusals.entry(refusal.clone()).or_default() += count;
        }
        for (how, count) in &other.lost {
            *self.lost.entry(how).or_default() += count;
        }
        self.accepted_in_window += other.accepted_in_window;
        self.refused_in_window += other.refused_in_window;
        let seconds = self.accepted_by_second.iter_mut();
        for (mine, theirs) in seconds.zip(&other.accepted_by_second) {
            *mine += theirs;
        }
    }

    /// The window whose requests count.
    pub(crate) const fn window(&self) -> &Window {
        &self.window
    }

    fn count_answer(&mut self, outcome: &Outcome, ended: Instant) {
        let counts = u64::from(self.window.counts(ended));
        match outcome {
            Outcome::Accepted => {
                self.accepted_in_window += counts;
                let second = ended.saturating_duration_since(self.window.from).as_secs();
                let second = usize::try_from(second).unwrap_or(usize::MAX);
                if let Some(count) = self.accepted_by_second.get_mut(second) {
                    *count += 1;
                }
            }
            Outcome::Refused(_) => self.refused_in_window += counts,
            Outcome::Lost(_) => {}
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_before_or_after_the_window_leaves_no_latency() {
        let window =
            Window::beginning_now(Duration::from_millis(1_000), Duration::from_millis(1_000));
        let mut recorder = Recorder::new(window);
        let at = |ms: u64| window.from + Duration::from_millis(ms);
        let turn = |ms: u64| Turn {
            intended: at(ms),
            sent: at(ms + 1),
        };
        // Meant while warming up, answered within: it counts as throughput only.
        recorder.record(turn(990), Outcome::Accepted, at(1_010));
        // Meant within, answered after: it counts as latency only.
        recorder.record(turn(1_990), Outcome::Accepted, at(2_010));
        recorder.record(turn(2_010), Outcome::Accepted, at(2_020));
        assert_eq!(recorder.accepted_in_window, 1);
        assert_eq!(recorder.accepted_ns.len(), 1);
        let latency_ms = recorder.accepted_ns.max() as f64 / 1e6;
        assert!((latency_ms - 20.0).abs() < 0.1, "{latency_ms} ms");
        assert_eq!(recorder.accepted_by_second, [0, 1, 2]);
    }

    #[test]
    fn each_way_to_end_is_counted_by_its_name_and_merging_adds() {
        let window = Window::beginning_now(Duration::ZERO, Duration::from_secs(1));
        let mut one = Recorder::new(window);
        let turn = Turn {
            intended: window.from,
            sent: window.from,
        };
        let ended = window.from + Duration::from_millis(5);
        let overloaded = Refusal::Code("OVERLOADED".to_owned());
        one.record(turn, Outcome::Accepted, ended);
        one.record(turn, Outcome::Refused(overloaded.clone()), ended);
        one.record(turn, Outcome::Refused(Refusal::HttpStatus(503)), ended);
        one.record(turn, Outcome::Lost("reset"), ended);
        one.record_unanswered(turn);
        let mut both = one.clone();
        both.merge(&one);
        assert_eq!((both.accepted_ns.len(), both.refused_ns.len()), (2, 4));
        assert_eq!((both.accepted_in_window, both.refused_in_window), (2, 4));
        assert_eq!(both.refusals[&overloaded], 2);
        assert_eq!(both.refusals[&Refusal::HttpStatus(503)], 2);
        assert_eq!(both.lost, BTreeMap::from([("reset", 2), (UNANSWERED, 2)]));
        assert_eq!(both.accepted_by_second, [2, 0]);
    }
}
