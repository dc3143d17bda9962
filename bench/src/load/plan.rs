//! The plan of one run, and its measurement.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::pace::Load;
use super::recorder::Recorder;
use crate::process::{Cores, WindowUsage};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The amount and shape of the load.
    pub(crate) load: Load,
    /// Time before the measured time.
    pub(crate) warmup: Duration,
    /// The measured time, which begins after the warm-up.
    pub(crate) duration: Duration,
    /// Threads of the HTTP generator.
    pub(crate) threads: NonZeroUsize,
    /// The CPU cores of a pinned run.
    pub(crate) cores: Option<Cores>,
    /// The seed of all random choices.
    pub(crate) seed: u64,
    /// The number of the repetition: each makes other random choices, and both variants of a pair
    /// make the same.
    pub(crate) repetition: usize,
}

#[derive(Debug)]
pub(crate) struct Measurement {
    /// The outcomes of all requests.
    pub(crate) recorder: Recorder,
    pub(crate) unsent: u64,
    /// CPU time and memory used during the measured time.
    pub(crate) usage: WindowUsage,
    /// The load that was applied.
    pub(crate) load: Load,
    /// Figures of this scenario only, by name.
    pub(crate) extra_figures: BTreeMap<&'static str, f64>,
}
