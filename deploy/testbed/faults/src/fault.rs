//! The faults of a cluster, as values.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumDiscriminants, VariantArray};

/// Which of a node's connections a fault concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Those to the database.
    Database,
    /// Those that other nodes have opened to it.
    Peers,
}

/// One fault, from its injection until it is healed. Nodes are numbered from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, EnumDiscriminants)]
#[strum_discriminants(
    name(FaultKind),
    derive(PartialOrd, Ord, Hash, VariantArray),
    doc = "A fault without its target."
)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fault {
    /// A node is killed (`SIGKILL`), and started again when healed.
    Kill {
        /// The node.
        node: usize,
    },
    /// A node is stopped where it is (`SIGSTOP`), and continues when healed.
    Stop {
        /// The node.
        node: usize,
    },
    /// A node is ended in order (`SIGTERM`), and started again when healed.
    Restart {
        /// The node.
        node: usize,
    },
    /// What the accepting side sends is lost, and what it receives is not. So the database executes
    /// commits whose results are lost, or peers miss what a node sends to them.
    CutOneWay {
        /// The node.
        node: usize,
        /// Its connections.
        link: Link,
    },
    /// Nothing arrives in either direction, without an error, until healed.
    CutBothWays {
        /// The node.
        node: usize,
        /// Its connections.
        link: Link,
    },
    /// Connections are closed, and new ones not accepted.
    Refused {
        /// The node.
        node: usize,
        /// Its connections.
        link: Link,
    },
    /// Each chunk of bytes is delayed, in each direction.
    Slow {
        /// The node.
        node: usize,
        /// Its connections.
        link: Link,
        /// The delay, in milliseconds.
        delay_ms: u64,
    },
    /// All processes of the database are stopped where they are, and continue when healed.
    DatabaseStall,
    /// The database is killed, and started again when healed: it replays its log.
    DatabaseRestart,
    /// The database is killed, and a synchronous standby promoted when healed.
    PromotionWithoutLoss,
    /// A standby receives nothing more. When healed, the database is killed and the standby
    /// promoted: what was committed in between is lost.
    PromotionWithLoss,
    /// The disk of the database is full, until space is freed.
    FullDisk,
    /// The broker is killed, and started again when healed.
    BrokerAway,
    /// A node's time of day jumps, and back when healed.
    ClockOff {
        /// The node.
        node: usize,
        /// How far it is ahead, in seconds; behind if negative.
        ahead_s: i64,
    },
    /// The pipe that a node writes its log to is full: nobody reads it until healed.
    LogPipeFull {
        /// The node.
        node: usize,
    },
}

impl FaultKind {
    /// Every kind.
    pub const ALL: &[Self] = Self::VARIANTS;
}

impl Fault {
    /// What it is, without its target.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        self.into()
    }

    /// The node that it concerns; `None` for a fault of a server.
    #[must_use]
    pub const fn node(&self) -> Option<usize> {
        match self {
            Self::Kill { node }
            | Self::Stop { node }
            | Self::Restart { node }
            | Self::CutOneWay { node, .. }
            | Self::CutBothWays { node, .. }
            | Self::Refused { node, .. }
            | Self::Slow { node, .. }
            | Self::ClockOff { node, .. }
            | Self::LogPipeFull { node } => Some(*node),
            _ => None,
        }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::Peers => "peers",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = |f: &mut fmt::Formatter<'_>, what: &str, node: usize, link: Link| {
            write!(f, "{what} n{} {link}", node + 1)
        };
        match self {
            Self::Kill { node } => write!(f, "kill n{}", node + 1),
            Self::Stop { node } => write!(f, "stop n{}", node + 1),
            Self::Restart { node } => write!(f, "restart n{}", node + 1),
            Self::CutOneWay { node, link: of } => link(f, "cut one way", *node, *of),
            Self::CutBothWays { node, link: of } => link(f, "cut", *node, *of),
            Self::Refused { node, link: of } => link(f, "refuse", *node, *of),
            Self::Slow { node, link: of, .. } => link(f, "slow", *node, *of),
            Self::DatabaseStall => f.write_str("database stall"),
            Self::DatabaseRestart => f.write_str("database restart"),
            Self::PromotionWithoutLoss => f.write_str("promotion without loss"),
            Self::PromotionWithLoss => f.write_str("promotion with loss"),
            Self::FullDisk => f.write_str("full disk"),
            Self::BrokerAway => f.write_str("broker away"),
            Self::ClockOff { node, ahead_s } => write!(f, "clock n{} {ahead_s:+} s", node + 1),
            Self::LogPipeFull { node } => write!(f, "log pipe full n{}", node + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_survives_its_json_form() {
        let fault = Fault::Slow {
            node: 1,
            link: Link::Peers,
            delay_ms: 300,
        };
        let json = r#"{"kind":"slow","node":1,"link":"peers","delay_ms":300}"#;
        assert_eq!(serde_json::to_string(&fault).unwrap(), json);
        assert_eq!(serde_json::from_str::<Fault>(json).unwrap(), fault);
        assert_eq!((fault.kind(), fault.node()), (FaultKind::Slow, Some(1)));
    }
}
