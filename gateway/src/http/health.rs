//! Probes. Live: this process runs. Ready: it takes requests; not while it starts or stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use warp::Filter;
use warp::http::StatusCode;
use warp::reply::Response;

use super::text;

/// Whether the node takes requests; shared with its life cycle.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    ready: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Readiness {
    /// Whether requests are taken from now on.
    pub fn set(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// Never again, whoever sets it: the node is stopping.
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
    let live = warp::path!("healthz" / "live").map(|| text(StatusCode::OK, "live\n"));
    let ready = warp::path!("healthz" / "ready").map(move || {
        if readiness.get() {
            text(StatusCode::OK, "ready\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        }
    });
    warp::get().and(live.or(ready).unify())
}
