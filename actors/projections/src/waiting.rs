//! Whether a projection waits for somebody's decision. It is tried each second and may wait for
//! days, so the log says it once.

use tracing::{info, warn};

pub(super) struct Waiting {
    projection: &'static str,
    /// What it waits for, as far as the log has it.
    reason: Option<String>,
}

impl Waiting {
    pub(super) const fn new(projection: &'static str) -> Self {
        Self {
            projection,
            reason: None,
        }
    }

    pub(super) fn begin(&mut self, reason: String) {
        if self.reason.as_ref() != Some(&reason) {
            warn!(projection = self.projection, "{reason}");
            self.reason = Some(reason);
        }
    }

    /// The projection was started.
    pub(super) fn end(&mut self) {
        if let Some(reason) = self.reason.take() {
            info!(
                projection = self.projection,
                reason, "a projection waits no longer"
            );
        }
    }
}
