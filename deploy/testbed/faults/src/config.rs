//! What a cluster consists of, and which faults it can have.

use std::path::PathBuf;

use crate::fault::Fault;

/// Nodes of a cluster unless given.
const NODES: usize = 3;
/// Few, so that each has many events.
const SHARDS: u16 = 16;

/// Whether a standby follows the database, which can be promoted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standby {
    /// There is none.
    #[default]
    None,
    /// It has every acknowledged commit: its promotion loses nothing.
    Synchronous,
    /// Its promotion loses what was committed since it stopped following.
    Asynchronous,
}

/// What a cluster consists of. Some faults need more than nodes and a database.
#[derive(Debug, Clone)]
pub struct FaultConfig {
    /// The number of nodes.
    pub nodes: usize,
    /// The number of shards.
    pub shards: u16,
    /// Further settings of every node: flag and value.
    pub settings: Vec<(String, String)>,
    /// The standby, for a promotion.
    pub standby: Standby,
    /// The database is on a small file system, for a full disk. Only root may mount one.
    pub small_disk: bool,
    /// Nodes publish on a broker of the cluster's own.
    pub kafka: bool,
    /// Nodes run by clocks that can be set. Needs a C compiler.
    pub wrong_clocks: bool,
    /// Where logs are kept; otherwise they are removed with the cluster.
    pub logs: Option<PathBuf>,
    /// The binary of the nodes; otherwise the one next to this program.
    pub binary: Option<PathBuf>,
}

impl Default for FaultConfig {
    fn default() -> Self {
        Self {
            nodes: NODES,
            shards: SHARDS,
            settings: Vec::new(),
            standby: Standby::None,
            small_disk: false,
            kafka: false,
            wrong_clocks: false,
            logs: None,
            binary: None,
        }
    }
}

impl FaultConfig {
    /// The same with one more setting of every node.
    #[must_use]
    pub fn with(mut self, flag: &str, value: impl ToString) -> Self {
        self.settings.push((flag.to_owned(), value.to_string()));
        self
    }

    /// The same with everything that these faults need.
    ///
    /// # Panics
    /// When they need two standbys, and a cluster has at most one.
    #[must_use]
    pub fn for_faults<'a>(mut self, faults: impl IntoIterator<Item = &'a Fault>) -> Self {
        for fault in faults {
            let standby = match fault {
                Fault::PromotionWithoutLoss => Standby::Synchronous,
                Fault::PromotionWithLoss => Standby::Asynchronous,
                _ => Standby::None,
            };
            if standby != Standby::None {
                assert_eq!(self.standby, Standby::None, "one promotion at most");
                self.standby = standby;
            }
            self.small_disk |= *fault == Fault::FullDisk;
            self.kafka |= *fault == Fault::BrokerAway;
            self.wrong_clocks |= matches!(fault, Fault::ClockOff { .. });
        }
        self
    }
}
