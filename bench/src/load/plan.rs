//! What one run is to do, and what came of it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::pace::Load;
use super::recorder::Recorder;
use crate::process::{Cores, WindowUsage};

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How much, in which shape.
    pub(crate) load: Load,
    /// Time before it counts.
    pub(crate) warmup: Duration,
    /// Time that counts.
    pub(crate) duration: Duration,
    /// Threads of a generator that has a process of its own.
    pub(crate) threads: NonZeroUsize,
    /// The cores to stay on.
    pub(crate) cores: Option<Cores>,
    /// What every choice follows from.
    pub(crate) seed: u64,
    /// Which repetition this is; each chooses anew, and both sides of a pair the same.
    pub(crate) repetition: usize,
}

/// What came of one run.
#[derive(Debug)]
pub(crate) struct Measured {
    /// All requests.
    pub(crate) recorder: Recorder,
    /// Requests that were due and never sent.
    pub(crate) unsent: u64,
    /// What was used meanwhile.
    pub(crate) usage: WindowUsage,
    /// The load, as it was put on.
    pub(crate) load: Load,
    /// Figures of this scenario alone, by name.
    pub(crate) more: BTreeMap<&'static str, f64>,
}
