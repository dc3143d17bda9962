//! What a soak is given, and its limits.

use std::path::PathBuf;
use std::time::Duration;

use super::plan::SoakFault;

/// Everything that a soak is given.
#[derive(Clone, Debug)]
pub struct SoakOptions {
    /// For how long there is load.
    pub duration: Duration,
    /// Ends the run earlier, after so many faults.
    pub faults_max: Option<u32>,
    /// Determines the faults, and what clients choose.
    pub seed: u64,
    /// The number of nodes, at least 2.
    pub nodes: usize,
    /// The number of shards; a probe writes to each.
    pub shards: u16,
    /// Between two faults.
    pub fault_every: Duration,
    /// The kinds of faults, at least one.
    pub faults: Vec<SoakFault>,
    /// Requests a second of all clients together while none waits for a shard.
    pub rate_per_s: u32,
    /// The node's binary.
    pub node: PathBuf,
    /// Further arguments of every node: flag and value.
    pub node_settings: Vec<(String, String)>,
    /// Where logs of nodes and of the database are kept; otherwise they are removed.
    pub logs: Option<PathBuf>,
}
