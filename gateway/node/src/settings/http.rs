//! Converts settings into the configuration of `fritzy-gateway`.

use std::time::Duration;

use fritzy_gateway::{ConnectionLimits, HttpConfig};

use super::Settings;

impl Settings {
    /// The limits of the HTTP front end.
    pub(crate) fn http(&self) -> HttpConfig {
        let origins = self
            .cors_origins
            .iter()
            .map(|origin| origin.trim().to_owned());
        let headers = self.front.cors_headers.iter();
        let bytes = |setting: u64| usize::try_from(setting).unwrap_or(usize::MAX);
        HttpConfig {
            request_timeout: Duration::from_millis(self.request_timeout_ms),
            body_bytes_max: bytes(self.body_bytes_max),
            body_bytes_total_max: bytes(self.body_bytes_total_max),
            requests_max: usize::from(self.requests_max),
            queue_time_max: Duration::from_millis(self.front.queue_ms_max),
            response_bytes_max: bytes(self.answer_bytes_max),
            response_bytes_total_max: bytes(self.answer_bytes_total_max),
            cors_origins: origins.filter(|origin| !origin.is_empty()).collect(),
            cors_headers: headers.filter(|name| !name.is_empty()).cloned().collect(),
            documents_only: self.front.documents_only,
            introspection: self.front.introspection.is_on(),
            explorer: self.front.explorer.is_on(),
            compression: self.front.compression.is_on(),
            serves_clients: self.cluster.roles().gateway,
        }
    }

    /// The limits on connections.
    pub(crate) fn connections(&self) -> ConnectionLimits {
        ConnectionLimits {
            max: usize::try_from(self.connections_max).unwrap_or(usize::MAX),
            head_timeout: Duration::from_millis(self.head_timeout_ms),
        }
    }
}
