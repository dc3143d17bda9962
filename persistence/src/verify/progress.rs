//! How far a check has come.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a check has come, for display while it runs.
#[derive(Debug, Default)]
pub struct VerifyProgress {
    part: Mutex<&'static str>,
    rows: AtomicU64,
}

impl VerifyProgress {
    /// The part being checked now, and how many of its rows were checked.
    pub fn now(&self) -> (&'static str, u64) {
        let part = *self.part.lock().expect("no holder panics");
        (part, self.rows.load(Ordering::Relaxed))
    }

    pub(super) fn begin(&self, part: &'static str) {
        *self.part.lock().expect("no holder panics") = part;
        self.rows.store(0, Ordering::Relaxed);
    }

    pub(super) fn add_rows(&self, count: usize) {
        self.rows.fetch_add(count as u64, Ordering::Relaxed);
    }
}
