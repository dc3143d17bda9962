//! The generation and its loss as metrics.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What is known of the current generation. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct GenerationMetrics {
    number: Gauge,
    lost_events: Gauge,
}

impl GenerationMetrics {
    pub(crate) fn set(&self, number: u64, lost_events: u64) {
        self.number.set(i64::try_from(number).unwrap_or(i64::MAX));
        let lost_events = i64::try_from(lost_events).unwrap_or(i64::MAX);
        self.lost_events.set(lost_events);
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Generation of the database: each time it went backwards it began another one";
        registry.register("database_generation", help, self.number.clone());
        let help = "Acknowledged events known to have been lost when the current generation began";
        registry.register("database_lost_events", help, self.lost_events.clone());
    }
}
