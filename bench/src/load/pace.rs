//! When the next request is sent: at once in a closed loop, by the clock in an open one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::process::{pin_this_thread, precise_sleeps};

/// How long unanswered requests are waited for after the end: as long as a node's own limit for a request.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// The pacer wakes no more often than this, and then releases all that is due: 10 000 wake-ups a second are the most
/// that leave a core to those who send.
const WAKE_EVERY_MIN: Duration = Duration::from_micros(100);

/// And no more seldom, so that it notices when nobody wants it any more.
const WAKE_EVERY_MAX: Duration = Duration::from_millis(20);

/// How much load, and in which shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// So many requests under way; each answer makes place for the next.
    Closed {
        /// Requests under way.
        in_flight: usize,
    },
    /// So many requests per second, whatever is answered.
    Open {
        /// Requests per second.
        rate_per_s: f64,
        /// Requests under way at most; the others wait, and their waiting counts.
        in_flight_max: usize,
    },
}

impl Load {
    /// How many callers it takes.
    pub(crate) const fn callers(self) -> usize {
        match self {
            Self::Closed { in_flight } => in_flight,
            Self::Open { in_flight_max, .. } => in_flight_max,
        }
    }
}

/// The moments of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// The first request is sent; nothing counts yet.
    pub(crate) from: Instant,
    /// From here it counts.
    pub(crate) measured_from: Instant,
    /// Until here it counts, and no request is sent that was not due.
    pub(crate) measured_to: Instant,
    /// Here what is unanswered is given up.
    pub(crate) drained_by: Instant,
}

impl Window {
    /// A run that begins now.
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

    /// Whether what happens at `moment` counts.
    pub(crate) fn counts(&self, moment: Instant) -> bool {
        (self.measured_from..self.measured_to).contains(&moment)
    }

    /// The time that counts, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        (self.measured_to - self.measured_from).as_secs_f64()
    }
}

/// One request that may be sent now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// When it was meant to be sent; latency counts from here.
    pub(crate) intended: Instant,
    /// When it is sent.
    pub(crate) sent: Instant,
}

/// Hands out turns to any number of callers.
#[derive(Debug)]
pub(crate) enum Pace {
    /// At once, until the end.
    Closed {
        /// The end.
        until: Instant,
    },
    /// By the schedule.
    Open(Schedule),
}

/// The turns of an open loop: number n is due at `from` + n / rate. A [`Pacer`] releases them when they are due, and
/// whoever is free takes the longest due one. When nobody is free turns wait, and their clock runs.
#[derive(Debug)]
pub(crate) struct Schedule {
    from: Instant,
    interval_s: f64,
    total: u64,
    taken: AtomicU64,
    released: Semaphore,
}

impl Pace {
    /// The pace of a load over a window.
    pub(crate) fn new(load: Load, window: &Window) -> Self {
        match load {
            Load::Closed { .. } => Self::Closed {
                until: window.measured_to,
            },
            Load::Open { rate_per_s, .. } => Self::Open(Schedule::new(rate_per_s, window)),
        }
    }

    /// The next turn, when there is one; `None` when there will be none.
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

    /// Turns that were due and that nobody took.
    pub(crate) fn unsent(&self) -> u64 {
        match self {
            Self::Closed { .. } => 0,
            Self::Open(schedule) => schedule.total.saturating_sub(schedule.taken.load(Relaxed)),
        }
    }
}

impl Schedule {
    fn new(rate_per_s: f64, window: &Window) -> Self {
        assert!(rate_per_s > 0.0, "a rate is above 0");
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
        released.expect("nobody closes it").forget();
        let number = self.taken.fetch_add(1, Relaxed);
        (number < self.total).then(|| Turn {
            intended: self.due(number),
            sent: Instant::now(),
        })
    }

    fn due(&self, number: u64) -> Instant {
        self.from + Duration::from_secs_f64(number as f64 * self.interval_s)
    }

    /// How many turns are due at `moment`.
    fn due_by(&self, moment: Instant) -> u64 {
        let seconds = moment.saturating_duration_since(self.from).as_secs_f64();
        ((seconds / self.interval_s) as u64 + 1).min(self.total)
    }
}

/// The thread that releases the turns of an open loop. A thread of its own, because the runtime's timers know
/// milliseconds only: at 10 000 requests a second each would be late by half of one, and all would come in bursts.
pub(crate) struct Pacer {
    unwanted: Arc<AtomicBool>,
}

impl Pacer {
    /// Starts releasing turns to `callers`, on the generator's core if it has one. A closed loop needs none of this.
    pub(crate) fn start(pace: &Arc<Pace>, callers: usize, core: Option<usize>) -> Self {
        let unwanted = Arc::new(AtomicBool::new(false));
        if let Pace::Open(_) = **pace {
            let (pace, unwanted) = (pace.clone(), unwanted.clone());
            let pacer = thread::Builder::new().name("pacer".to_owned());
            pacer
                .spawn(move || {
                    if let Pace::Open(schedule) = &*pace {
                        // The generator's own threads say it when they cannot be pinned.
                        let _ = core.map(pin_this_thread);
                        precise_sleeps();
                        release(schedule, &unwanted);
                        // One more for everybody, so that nobody waits for what will not come.
                        schedule.released.add_permits(callers);
                    }
                })
                .expect("the system has a thread left");
        }
        Self { unwanted }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.unwanted.store(true, Relaxed);
    }
}

fn release(schedule: &Schedule, unwanted: &AtomicBool) {
    let mut released = 0;
    while released < schedule.total && !unwanted.load(Relaxed) {
        let now = Instant::now();
        if now >= schedule.from {
            let due = schedule.due_by(now);
            let more = usize::try_from(due - released).expect("a rate fits memory");
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
    async fn an_open_loop_hands_out_every_turn_once_at_its_moment() {
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
    async fn turns_that_nobody_took_are_counted() {
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
