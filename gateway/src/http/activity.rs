//! What happens on a connection, and when something last did: whether a client still uses the place
//! that it holds.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The requests of a connection, or of one stream of HTTP/2. Pings and other frames do not count:
/// they cost a client nothing.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests without a response yet; each is limited by its own timeout.
    executing: usize,
    /// Responses not yet passed on completely.
    sending: usize,
    /// When a request began or ended, or a part of a response was passed on.
    last: Instant,
}

/// Where a request is counted: on its connection, and with HTTP/2 on its stream.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) connection: Arc<Activity>,
    pub(super) stream: Option<Arc<Activity>>,
}

/// A request, until it has its response or is dropped.
pub(super) struct Executing(Counted);

/// A response, until it has been passed on completely or is dropped.
pub(super) struct Sending(Counted);

impl Counted {
    fn update(&self, change: impl Fn(&mut State)) {
        for activity in [Some(&self.connection), self.stream.as_ref()] {
            let Some(activity) = activity else { continue };
            let mut state = activity.state();
            change(&mut state);
            state.last = Instant::now();
        }
    }
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            executing: 0,
            sending: 0,
            last: Instant::now(),
        }))
    }

    /// Locked for some instructions only, by the tasks of one connection.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }

    /// Whether a request is being executed.
    pub(super) fn is_executing(&self) -> bool {
        self.state().executing > 0
    }

    /// The time for which nothing has happened; zero while a request is being executed.
    pub(super) fn idle(&self) -> Duration {
        let state = self.state();
        match state.executing {
            0 => state.last.elapsed(),
            _ => Duration::ZERO,
        }
    }

    /// The time for which a response has waited for the client; zero if none waits.
    pub(super) fn stalled(&self) -> Duration {
        let state = self.state();
        match state.sending {
            0 => Duration::ZERO,
            _ => state.last.elapsed(),
        }
    }
}

impl Executing {
    pub(super) fn begin(counted: Counted) -> Self {
        counted.update(|state| state.executing += 1);
        Self(counted)
    }

    /// The request has its response, which is now sent.
    pub(super) fn respond(self) -> Sending {
        let sending = self.0.clone();
        sending.update(|state| state.sending += 1);
        Sending(sending)
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        self.0.update(|state| state.executing -= 1);
    }
}

impl Sending {
    /// A part of the response was passed on.
    pub(super) fn progress(&self) {
        self.0.update(|_| {});
    }

    /// Whether the client has several streams, with a window each.
    pub(super) const fn is_multiplexed(&self) -> bool {
        self.0.stream.is_some()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.update(|state| state.sending -= 1);
    }
}
