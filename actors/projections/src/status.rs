//! The status of a running projection, as metrics and for operators.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Name {
    projection: &'static str,
}

/// The metrics of all projections of a node.
#[derive(Clone, Default)]
pub(super) struct ProjectionMetrics {
    lag_events: Family<Name, Gauge>,
    lag_seconds: Family<Name, Gauge<f64, AtomicU64>>,
    stopped_shards: Family<Name, Gauge>,
    confirmed: Family<Name, Counter>,
    restarts: Family<Name, Counter>,
}

impl ProjectionMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Events of the journal that a projection has not acknowledged";
        registry.register("projection_lag_events", help, self.lag_events.clone());
        let help = "Age of the oldest event that a projection has taken and not acknowledged";
        registry.register("projection_lag_seconds", help, self.lag_seconds.clone());
        let help = "Shards in which a projection has stopped before a poisoned event";
        let gauge = self.stopped_shards.clone();
        registry.register("projection_stopped_shards", help, gauge);
        let help = "Events that a projection has acknowledged";
        registry.register("projection_events", help, self.confirmed.clone());
        let help = "Restarts of a projection after a failure";
        registry.register("projection_restarts", help, self.restarts.clone());
    }

    pub(super) fn of(&self, projection: &'static str) -> Counts {
        let name = Name { projection };
        Counts {
            lag_events: self.lag_events.get_or_create_owned(&name),
            lag_seconds: self.lag_seconds.get_or_create_owned(&name),
            stopped_shards: self.stopped_shards.get_or_create_owned(&name),
            confirmed: self.confirmed.get_or_create_owned(&name),
            restarts: self.restarts.get_or_create_owned(&name),
        }
    }
}

/// The metrics of one projection.
#[derive(Clone)]
pub(super) struct Counts {
    lag_events: Gauge,
    lag_seconds: Gauge<f64, AtomicU64>,
    stopped_shards: Gauge,
    confirmed: Counter,
    restarts: Counter,
}

/// The status of a projection on this node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProjectionStatus {
    /// Events of the journal that it has not acknowledged. At most some seconds old, like `lag_s`.
    pub lag_events: u64,
    /// Age of the oldest event that it has taken and not acknowledged, in seconds.
    pub lag_s: f64,
    /// Shards in which it has stopped before a poisoned event.
    pub stopped_shards: u64,
    /// Events acknowledged since the node was started.
    pub confirmed: u64,
    /// Restarts after a failure, since the node was started.
    pub restarts: u64,
}

impl Counts {
    pub(super) fn set_lag(&self, lag_events: u64, lag_s: f64, stopped_shards: usize) {
        self.lag_events.set(lag_events.cast_signed());
        self.lag_seconds.set(lag_s);
        let stopped = i64::try_from(stopped_shards).unwrap_or(i64::MAX);
        self.stopped_shards.set(stopped);
    }

    pub(super) fn confirmed(&self, events: u64) {
        self.confirmed.inc_by(events);
    }

    pub(super) fn restarted(&self) {
        self.restarts.inc();
    }

    pub(super) fn status(&self) -> ProjectionStatus {
        ProjectionStatus {
            lag_events: self.lag_events.get().cast_unsigned(),
            lag_s: self.lag_seconds.get(),
            stopped_shards: self.stopped_shards.get().cast_unsigned(),
            confirmed: self.confirmed.get(),
            restarts: self.restarts.get(),
        }
    }
}
