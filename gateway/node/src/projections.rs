//! The projections that a node runs.

use std::sync::Arc;

use fritzy_kafka::{KafkaBridge, KafkaSettingsError};
use fritzy_persistence::Stores;
use fritzy_projections::ProjectionStart;

use crate::settings::Settings;

/// Checks their settings, before anything is opened.
///
/// # Errors
/// When the Kafka client rejects them.
pub(crate) fn check(settings: &Settings) -> Result<(), KafkaSettingsError> {
    match settings.kafka() {
        Some(kafka) => KafkaBridge::check(&kafka),
        None => Ok(()),
    }
}

/// The projections that the settings ask for.
pub(crate) fn configured(settings: &Settings, stores: &Stores) -> Vec<Arc<dyn ProjectionStart>> {
    let Some(kafka) = settings.kafka() else {
        return Vec::new();
    };
    let bridge = KafkaBridge::new(kafka, stores.topic_bindings.clone());
    vec![Arc::new(bridge)]
}
