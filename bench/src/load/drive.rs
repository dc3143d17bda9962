//! Runs the callers: one task each, until there are no more turns.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::outcome::Outcome;
use super::pace::{Pace, Turn};
use super::recorder::{Recorder, SharedRecorder};

/// Sends requests, one at a time.
pub(crate) trait Caller: Send + 'static {
    /// Sends one request and waits for its outcome.
    fn call(&mut self) -> impl Future<Output = Outcome> + Send;
}

/// Runs each caller until there are no more turns, and cancels requests in flight at the end of the
/// drain time. Caller n records into `recorders[n % recorders.len()]`.
pub(crate) async fn drive(
    callers: Vec<impl Caller>,
    pace: &Arc<Pace>,
    recorders: &[SharedRecorder],
    drained_by: Instant,
) {
    let mut calling = JoinSet::new();
    for (number, caller) in callers.into_iter().enumerate() {
        let recorder = recorders[number % recorders.len()].clone();
        calling.spawn(call_in_turn(caller, pace.clone(), recorder));
    }
    let all = async {
        while let Some(ended) = calling.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    };
    if timeout_at(drained_by.into(), all).await.is_err() {
        calling.shutdown().await;
    }
}

async fn call_in_turn(mut caller: impl Caller, pace: Arc<Pace>, recorder: SharedRecorder) {
    while let Some(turn) = pace.next().await {
        let mut in_flight = InFlight {
            turn: Some(turn),
            recorder: &recorder,
        };
        let outcome = caller.call().await;
        let ended = Instant::now();
        in_flight.turn = None;
        lock(&recorder, |recorder| recorder.record(turn, outcome, ended));
    }
}

/// A request in flight. Dropped with its turn, it was cancelled.
struct InFlight<'a> {
    turn: Option<Turn>,
    recorder: &'a SharedRecorder,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn {
            lock(self.recorder, |recorder| recorder.record_unanswered(turn));
        }
    }
}

/// Ignores poisoning: a caller that panics leaves consistent counts, because each changes in one
/// step.
fn lock(recorder: &SharedRecorder, change: impl FnOnce(&mut Recorder)) {
    change(&mut recorder.lock().unwrap_or_else(PoisonError::into_inner));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::pace::{Load, Pacer, Window};
    use super::*;

    /// A server that responds at once, except during one stall.
    struct StallingCaller {
        from: Instant,
        stalls: std::ops::Range<Duration>,
    }

    impl Caller for StallingCaller {
        async fn call(&mut self) -> Outcome {
            if self.stalls.contains(&self.from.elapsed()) {
                tokio::time::sleep_until((self.from + self.stalls.end).into()).await;
            }
            Outcome::Accepted
        }
    }

    struct NoResponse;

    impl Caller for NoResponse {
        async fn call(&mut self) -> Outcome {
            std::future::pending().await
        }
    }

    async fn run(load: Load, window: Window) -> Recorder {
        let caller = |_| StallingCaller {
            from: window.from,
            stalls: Duration::from_millis(300)..Duration::from_millis(500),
        };
        let callers = (0..load.callers()).map(caller).collect();
        let pace = Arc::new(Pace::new(load, &window));
        let _pacer = Pacer::start(&pace, load.callers(), None);
        let recorder = Recorder::shared(window);
        drive(
            callers,
            &pace,
            std::slice::from_ref(&recorder),
            window.drained_by,
        )
        .await;
        let recorder = recorder.lock().expect("no caller panicked");
        recorder.clone()
    }

    fn at(recorder: &Recorder, quantile: f64) -> Duration {
        Duration::from_nanos(recorder.accepted_ns.value_at_quantile(quantile))
    }

    /// 500 requests per second for one second, of which 100 are due within a stall of 200 ms.
    async fn open(in_flight_max: usize) -> Recorder {
        let load = Load::Open {
            rate_per_s: 500.0,
            in_flight_max,
        };
        run(
            load,
            Window::beginning_now(Duration::ZERO, Duration::from_secs(1)),
        )
        .await
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn open_loop_stall_delays_every_request_due_in_it() {
        // With spare callers and with one that is stuck, the waiting time is the same.
        for in_flight_max in [200, 1] {
            let recorder = open(in_flight_max).await;
            assert_eq!(recorder.accepted_ns.len(), 500, "{in_flight_max} in flight");
            let (p999, p90) = (at(&recorder, 0.999), at(&recorder, 0.9));
            assert!(p999 >= Duration::from_millis(190), "p99.9 is {p999:?}");
            assert!(p90 >= Duration::from_millis(80), "p90 is {p90:?}");
            let lag = Duration::from_nanos(recorder.send_lag_ns.max());
            assert!(in_flight_max > 1 || lag >= Duration::from_millis(180));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn closed_loop_hides_the_same_stall() {
        let window = Window::beginning_now(Duration::ZERO, Duration::from_secs(1));
        let recorder = run(Load::Closed { in_flight: 1 }, window).await;
        assert!(at(&recorder, 0.999) < Duration::from_millis(10));
        assert!(at(&recorder, 1.0) >= Duration::from_millis(190));
    }

    #[tokio::test]
    async fn requests_without_response_are_cancelled_and_counted() {
        let window = Window {
            drained_by: Instant::now() + Duration::from_millis(500),
            ..Window::beginning_now(Duration::ZERO, Duration::from_millis(50))
        };
        let load = Load::Open {
            rate_per_s: 1000.0,
            in_flight_max: 3,
        };
        let pace = Arc::new(Pace::new(load, &window));
        let _pacer = Pacer::start(&pace, 3, None);
        let recorder = Recorder::shared(window);
        drive(
            vec![NoResponse, NoResponse, NoResponse],
            &pace,
            std::slice::from_ref(&recorder),
            window.drained_by,
        )
        .await;
        let recorder = recorder.lock().expect("no caller panicked");
        assert_eq!(recorder.lost["unanswered"], 3);
        assert_eq!(pace.unsent(), 47);
    }
}
