//! What is known of a running projection, for metrics and people.

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
    done: Family<Name, Counter>,
    restarts: Family<Name, Counter>,
}

impl ProjectionMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Events of the journal that a projection has not confirmed";
        registry.register("projection_lag_events", help, self.lag_events.clone());
        let help = "Age of the oldest event that a projection has taken and not confirmed";
        registry.register("projection_lag_seconds", help, self.lag_seconds.clone());
        let help =
            "Shards in which a projection has stopped before an event that cannot have its effect";
        let gauge = self.stopped_shards.clone();
        registry.register("projection_stopped_shards", help, gauge);
        let help = "Events whose effects a projection has confirmed";
        registry.register("projection_events", help, self.done.clone());
        let help = "Times a projection broke and was started anew";
        registry.register("projection_restarts", help, self.restarts.clone());
    }

    pub(super) fn of(&self, projection: &'static str) -> Counts {
        let name = Name { projection };
        Counts {
            lag_events: self.lag_events.get_or_create_owned(&name),
            lag_seconds: self.lag_seconds.get_or_create_owned(&name),
            stopped_shards: self.stopped_shards.get_or_create_owned(&name),
            done: self.done.get_or_create_owned(&name),
            restarts: self.restarts.get_or_create_owned(&name),
        }
    }
}

/// Those of one.
#[derive(Clone)]
pub(super) struct Counts {
    lag_events: Gauge,
    lag_seconds: Gauge<f64, AtomicU64>,
    stopped_shards: Gauge,
    done: Counter,
    restarts: Counter,
}

/// What is known of a projection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProjectionStatus {
    /// Events of the journal that it has not confirmed, as of a second ago at most.
    pub lag_events: u64,
    /// The age of the oldest event that it has taken and not confirmed, in seconds, as of then.
    pub lag_s: f64,
    /// Shards in which it has stopped.
    pub stopped_shards: u64,
    /// Events that it has confirmed since the node was started.
    pub done: u64,
    /// How often it broke and was started anew.
    pub restarts: u64,
}

impl Counts {
    pub(super) fn tell(&self, lag_events: u64, lag_s: f64, stopped_shards: usize) {
        self.lag_events.set(lag_events.cast_signed());
        self.lag_seconds.set(lag_s);
        let stopped = i64::try_from(stopped_shards).unwrap_or(i64::MAX);
        self.stopped_shards.set(stopped);
    }

    pub(super) fn done(&self, events: u64) {
        self.done.inc_by(events);
    }

    pub(super) fn restarted(&self) {
        self.restarts.inc();
    }

    pub(super) fn status(&self) -> ProjectionStatus {
        ProjectionStatus {
            lag_events: self.lag_events.get().cast_unsigned(),
            lag_s: self.lag_seconds.get(),
            stopped_shards: self.stopped_shards.get().cast_unsigned(),
            done: self.done.get(),
            restarts: self.restarts.get(),
        }
    }
}
