//! What is recorded of the requests of one run: latencies in histograms, and counts by outcome.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::outcome::{Outcome, Rejection};
use super::pace::{Turn, Window};

/// Latencies are recorded in nanoseconds with three significant digits, up to an hour; longer ones
/// count as an hour.
const LATENCY_NS_MAX: u64 = 3_600 * 1_000_000_000;
const DIGITS: u8 = 3;

/// The outcome of a request that was cancelled in flight.
const UNANSWERED: &str = "unanswered";

/// A recorder shared by several callers. Each lock is held for some nanoseconds.
pub(crate) type SharedRecorder = Arc<Mutex<Recorder>>;

/// The record of one run, or of one worker's part of it.
///
/// A request belongs to the run if it was due within the measured time. So the warm-up leaves no
/// trace, and a request with a later response still counts for latency. Throughput counts responses
/// by their arrival.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    window: Window,
    /// Latency of accepted requests, in nanoseconds from the time they were due.
    pub(crate) accepted_ns: Histogram<u64>,
    /// Latency of rejected requests, in nanoseconds from the time they were due.
    pub(crate) rejected_ns: Histogram<u64>,
    /// How late requests were sent, in nanoseconds: they waited for a free connection or for the
    /// generator.
    pub(crate) send_lag_ns: Histogram<u64>,
    /// Rejections by their kind.
    pub(crate) rejections: BTreeMap<Rejection, u64>,
    /// Requests without a complete response, by cause.
    pub(crate) lost: BTreeMap<&'static str, u64>,
    /// Accepting responses received within the measured time.
    pub(crate) accepted_in_window: u64,
    /// Rejecting responses received within the measured time.
    pub(crate) rejected_in_window: u64,
    /// Accepting responses in each second of the run, including the warm-up.
    pub(crate) accepted_by_second: Vec<u64>,
}

impl Recorder {
    pub(crate) fn new(window: Window) -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LATENCY_NS_MAX, DIGITS).expect("the bounds are valid");
        let seconds = (window.measured_to - window.from).as_secs() + 1;
        let seconds = usize::try_from(seconds).expect("a run is short");
        Self {
            window,
            accepted_ns: histogram(),
            rejected_ns: histogram(),
            send_lag_ns: histogram(),
            rejections: BTreeMap::new(),
            lost: BTreeMap::new(),
            accepted_in_window: 0,
            rejected_in_window: 0,
            accepted_by_second: vec![0; seconds],
        }
    }

    /// An empty recorder for several callers.
    pub(crate) fn shared(window: Window) -> SharedRecorder {
        Arc::new(Mutex::new(Self::new(window)))
    }

    /// Records a request that ended at `ended`.
    pub(crate) fn record(&mut self, turn: Turn, outcome: Outcome, ended: Instant) {
        self.count_response(&outcome, ended);
        if !self.window.counts(turn.intended) {
            return;
        }
        let lag = turn.sent.saturating_duration_since(turn.intended);
        self.send_lag_ns.saturating_record(nanos(lag));
        let latency = nanos(ended.saturating_duration_since(turn.intended));
        match outcome {
            Outcome::Accepted => self.accepted_ns.saturating_record(latency),
            Outcome::Rejected(rejection) => {
                self.rejected_ns.saturating_record(latency);
                *self.rejections.entry(rejection).or_default() += 1;
            }
            Outcome::Lost(how) => *self.lost.entry(how).or_default() += 1,
        }
    }

    /// Records a request that was cancelled in flight.
    pub(crate) fn record_unanswered(&mut self, turn: Turn) {
        if self.window.counts(turn.intended) {
            *self.lost.entry(UNANSWERED).or_default() += 1;
        }
    }

    /// Adds the content of another recorder of the same run.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.accepted_ns, &other.accepted_ns),
            (&mut self.rejected_ns, &other.rejected_ns),
            (&mut self.send_lag_ns, &other.send_lag_ns),
        ] {
            mine.add(theirs)
                .expect("all histograms have the same bounds");
        }
        for (rejection, count) in &other.rejections {
            *self.rejections.entry(rejection.clone()).or_default() += count;
        }
        for (how, count) in &other.lost {
            *self.lost.entry(how).or_default() += count;
        }
        self.accepted_in_window += other.accepted_in_window;
        self.rejected_in_window += other.rejected_in_window;
        let seconds = self.accepted_by_second.iter_mut();
        for (mine, theirs) in seconds.zip(&other.accepted_by_second) {
            *mine += theirs;
        }
    }

    pub(crate) const fn window(&self) -> &Window {
        &self.window
    }

    fn count_response(&mut self, outcome: &Outcome, ended: Instant) {
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
            Outcome::Rejected(_) => self.rejected_in_window += counts,
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
    fn requests_due_outside_the_window_have_no_latency() {
        let window =
            Window::beginning_now(Duration::from_millis(1_000), Duration::from_millis(1_000));
        let mut recorder = Recorder::new(window);
        let at = |ms: u64| window.from + Duration::from_millis(ms);
        let turn = |ms: u64| Turn {
            intended: at(ms),
            sent: at(ms + 1),
        };
        // Due in the warm-up, response within the measured time: counts for throughput only.
        recorder.record(turn(990), Outcome::Accepted, at(1_010));
        // Due within the measured time, response after it: counts for latency only.
        recorder.record(turn(1_990), Outcome::Accepted, at(2_010));
        recorder.record(turn(2_010), Outcome::Accepted, at(2_020));
        assert_eq!(recorder.accepted_in_window, 1);
        assert_eq!(recorder.accepted_ns.len(), 1);
        let latency_ms = recorder.accepted_ns.max() as f64 / 1e6;
        assert!((latency_ms - 20.0).abs() < 0.1, "{latency_ms} ms");
        assert_eq!(recorder.accepted_by_second, [0, 1, 2]);
    }

    #[test]
    fn outcomes_are_counted_by_name_and_merged() {
        let window = Window::beginning_now(Duration::ZERO, Duration::from_secs(1));
        let mut one = Recorder::new(window);
        let turn = Turn {
            intended: window.from,
            sent: window.from,
        };
        let ended = window.from + Duration::from_millis(5);
        let overloaded = Rejection::Code("OVERLOADED".to_owned());
        one.record(turn, Outcome::Accepted, ended);
        one.record(turn, Outcome::Rejected(overloaded.clone()), ended);
        one.record(turn, Outcome::Rejected(Rejection::HttpStatus(503)), ended);
        one.record(turn, Outcome::Lost("reset"), ended);
        one.record_unanswered(turn);
        let mut both = one.clone();
        both.merge(&one);
        assert_eq!((both.accepted_ns.len(), both.rejected_ns.len()), (2, 4));
        assert_eq!((both.accepted_in_window, both.rejected_in_window), (2, 4));
        assert_eq!(both.rejections[&overloaded], 2);
        assert_eq!(both.rejections[&Rejection::HttpStatus(503)], 2);
        assert_eq!(both.lost, BTreeMap::from([("reset", 2), (UNANSWERED, 2)]));
        assert_eq!(both.accepted_by_second, [2, 0]);
    }
}
