//! When the next request is sent: at once in a closed loop, by a schedule in an open one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::process::{pin_this_thread, precise_sleeps};

/// How long to wait for responses after the end: a node's time limit of a request.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// Minimum between two wake-ups of the pacer, which then releases all due turns: more than 10 000
/// wake-ups per second would take a core from the senders.
const WAKE_EVERY_MIN: Duration = Duration::from_micros(100);

/// Maximum between two wake-ups, so that the pacer notices its cancellation.
const WAKE_EVERY_MAX: Duration = Duration::from_millis(20);

/// The amount and shape of the load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// A fixed number of requests in flight; each response triggers the next request.
    Closed { in_flight: usize },
    /// A fixed number of requests per second, independent of responses.
    Open {
        rate_per_s: f64,
        /// Maximum of requests in flight; the others wait, and their waiting time counts.
        in_flight_max: usize,
    },
}

impl Load {
    /// The number of callers that the load needs.
    pub(crate) const fn callers(self) -> usize {
        match self {
            Self::Closed { in_flight } => in_flight,
            Self::Open { in_flight_max, .. } => in_flight_max,
        }
    }
}

/// The times of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// The first request is sent; the warm-up starts.
    pub(crate) from: Instant,
    /// The measured time starts.
    pub(crate) measured_from: Instant,
    /// The measured time ends; only due requests are still sent.
    pub(crate) measured_to: Instant,
    /// Requests in flight are cancelled.
    pub(crate) drained_by: Instant,
}

impl Window {
    /// A run that starts now.
    pub(crate) fn beginning_now(warmup: Duration, duration: Duration) -> Self {
        let from = Instant::now();
        let measured_from = from + warmup;
        let measured_to = measured_from + duration;
        Self {
            from,
            measured_from,
            measured_to,
            drained_by: measured_to + DRAIN_MAX,
        }
    }

    /// Whether `instant` is within the measured time.
    pub(crate) fn counts(&self, instant: Instant) -> bool {
        (self.measured_from..self.measured_to).contains(&instant)
    }

    /// The measured time in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        (self.measured_to - self.measured_from).as_secs_f64()
    }
}

/// Permission to send one request now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// When the request was due; latency is measured from here.
    pub(crate) intended: Instant,
    pub(crate) sent: Instant,
}

/// Issues turns to any number of callers.
#[derive(Debug)]
pub(crate) enum Pace {
    Closed {
        /// No turns are issued after this.
        until: Instant,
    },
    Open(Schedule),
}

/// The turns of an open loop: number n is due at `from` + n / rate. A [`Pacer`] releases due turns,
/// and a free caller takes the one that was due first. Without a free caller turns wait, and their
/// waiting time counts.
#[derive(Debug)]
pub(crate) struct Schedule {
    from: Instant,
    interval_s: f64,
    total: u64,
    taken: AtomicU64,
    released: Semaphore,
}

impl Pace {
    pub(crate) fn new(load: Load, window: &Window) -> Self {
        match load {
            Load::Closed { .. } => Self::Closed {
                until: window.measured_to,
            },
            Load::Open { rate_per_s, .. } => Self::Open(Schedule::new(rate_per_s, window)),
        }
    }

    /// Waits for the next turn; `None` at the end.
    pub(crate) async fn next(&self) -> Option<Turn> {
        match self {
            Self::Closed { until } => {
                let now = Instant::now();
                let turn = Turn {
                    intended: now,
                    sent: now,
                };
                (now < *until).then_some(turn)
            }
            Self::Open(schedule) => schedule.next().await,
        }
    }

    /// Due turns that no caller took.
    pub(crate) fn unsent(&self) -> u64 {
        match self {
            Self::Closed { .. } => 0,
            Self::Open(schedule) => schedule.total.saturating_sub(schedule.taken.load(Relaxed)),
        }
    }
}

impl Schedule {
    fn new(rate_per_s: f64, window: &Window) -> Self {
        assert!(rate_per_s > 0.0, "the rate must be above 0");
        let seconds = (window.measured_to - window.from).as_secs_f64();
        Self {
            from: window.from,
            interval_s: 1.0 / rate_per_s,
            total: (seconds * rate_per_s) as u64,
            taken: AtomicU64::new(0),
            released: Semaphore::new(0),
        }
    }

    async fn next(&self) -> Option<Turn> {
        let released = self.released.acquire().await;
        released.expect("the semaphore is never closed").forget();
        let number = self.taken.fetch_add(1, Relaxed);
        (number < self.total).then(|| Turn {
            intended: self.due(number),
            sent: Instant::now(),
        })
    }

    fn due(&self, number: u64) -> Instant {
        self.from + Duration::from_secs_f64(number as f64 * self.interval_s)
    }

    /// The number of turns due at `instant`.
    fn due_by(&self, instant: Instant) -> u64 {
        let seconds = instant.saturating_duration_since(self.from).as_secs_f64();
        ((seconds / self.interval_s) as u64 + 1).min(self.total)
    }
}

/// The thread that releases the turns of an open loop. It is a thread because the runtime's timers
/// have a resolution of milliseconds: at 10 000 requests per second each turn would be late by half
/// a millisecond, and turns would come in bursts.
pub(crate) struct Pacer {
    cancelled: Arc<AtomicBool>,
}

impl Pacer {
    /// Starts to release turns to `callers`, on the generator's core if it is pinned. Does nothing
    /// for a closed loop.
    pub(crate) fn start(pace: &Arc<Pace>, callers: usize, core: Option<usize>) -> Self {
        let cancelled = Arc::new(AtomicBool::new(false));
        if let Pace::Open(_) = **pace {
            let (pace, cancelled) = (pace.clone(), cancelled.clone());
            let pacer = thread::Builder::new().name("pacer".to_owned());
            pacer
                .spawn(move || {
                    if let Pace::Open(schedule) = &*pace {
                        // The generator's threads report it if they cannot be pinned.
                        let _ = core.map(pin_this_thread);
                        precise_sleeps();
                        release(schedule, &cancelled);
                        // One more for each caller, so that none waits for ever.
                        schedule.released.add_permits(callers);
                    }
                })
                .expect("the system can start a thread");
        }
        Self { cancelled }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.cancelled.store(true, Relaxed);
    }
}

fn release(schedule: &Schedule, cancelled: &AtomicBool) {
    let mut released = 0;
    while released < schedule.total && !cancelled.load(Relaxed) {
        let now = Instant::now();
        if now >= schedule.from {
            let due = schedule.due_by(now);
            let more = usize::try_from(due - released).expect("due turns fit in usize");
            schedule.released.add_permits(more);
            released = due;
        }
        let wait = schedule.due(released).saturating_duration_since(now);
        thread::sleep(wait.clamp(WAKE_EVERY_MIN, WAKE_EVERY_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn open_loop_issues_each_turn_once_when_due() {
        let window = Window::beginning_now(Duration::ZERO, Duration::from_millis(100));
        let load = Load::Open {
            rate_per_s: 1000.0,
            in_flight_max: 1,
        };
        let pace = Arc::new(Pace::new(load, &window));
        let _pacer = Pacer::start(&pace, 1, None);
        let mut turns = Vec::new();
        while let Some(turn) = pace.next().await {
            assert!(turn.sent >= turn.intended, "never early");
            turns.push(turn.intended - window.from);
        }
        let expected: Vec<_> = (0..100).map(Duration::from_millis).collect();
        assert_eq!(turns.len(), expected.len());
        for (turn, expected) in turns.iter().zip(expected) {
            assert!(turn.abs_diff(expected) < Duration::from_micros(1));
        }
        assert_eq!(pace.unsent(), 0);
    }

    #[tokio::test]
    async fn turns_without_a_caller_are_counted() {
        let window = Window::beginning_now(Duration::ZERO, Duration::from_millis(50));
        let load = Load::Open {
            rate_per_s: 1000.0,
            in_flight_max: 1,
        };
        let pace = Arc::new(Pace::new(load, &window));
        let _pacer = Pacer::start(&pace, 1, None);
        for _ in 0..20 {
            pace.next().await.expect("a turn");
        }
        assert_eq!(pace.unsent(), 30);
    }
}
