//! Probes. Live: the process runs. Ready: it accepts requests, so neither while it starts nor while
//! it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use warp::Filter;
use warp::http::StatusCode;
use warp::reply::Response;

use super::plain_text::plain_text;

/// Whether the node accepts requests; set by whatever starts and stops it.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    ready: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Readiness {
    /// Sets whether requests are accepted; has no effect after [`Self::end`].
    pub fn set(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Makes the node unready for good: it is stopping.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn get(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.ended.load(Ordering::Acquire)
    }
}

pub(super) fn routes(
    readiness: Readiness,
) -> impl Filter<Extract = (Response,), Error = warp::Rejection> + Clone {
    let live = warp::path!("healthz" / "live").map(|| plain_text(StatusCode::OK, "live\n"));
    let ready = warp::path!("healthz" / "ready").map(move || {
        if readiness.get() {
            plain_text(StatusCode::OK, "ready\n")
        } else {
            plain_text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        }
    });
    live.or(ready).unify()
}
