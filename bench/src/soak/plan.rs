//! Which faults come when: drawn from a seed, each kind as often as the others.

use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use fastrand::Rng;
use fritzy_testbed_faults::{Fault, Link};
use serde::{Deserialize, Serialize};

use crate::random::seeded;

/// Added to the time of each fault, so that it meets heartbeats and polls at every phase.
const JITTER_MS: u64 = 1_000;
/// A clock is wrong by an hour.
const HOUR_S: i64 = 3_600;
/// Each chunk of bytes of a slow connection is delayed by so much, each way: a commit then takes
/// some tenths of a second, and no heartbeat is late.
const DELAY_MS: u64 = 50;

/// A kind of fault that a soak can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoakFault {
    /// SIGKILL of a node.
    Kill,
    /// SIGSTOP of a node.
    Stop,
    /// SIGTERM of a node.
    Restart,
    /// A node receives nothing from the database, or peers nothing from it.
    CutOneWay,
    /// A node and the database, or its peers, receive nothing from each other.
    Cut,
    /// A node's connections to the database, or from its peers, are closed and refused.
    Refuse,
    /// A node's connections are slow.
    Slow,
    /// All processes of the database are stopped.
    DatabaseStall,
    /// The database is killed, and started again.
    DatabaseRestart,
    /// The disk of the database is full; needs root.
    FullDisk,
    /// A node's time of day is off by an hour; needs a C compiler.
    Clock,
    /// Nobody reads the pipe that a node logs to.
    LogPipeFull,
}

/// A fault and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedFault {
    pub(crate) kind: SoakFault,
    pub(crate) fault: Fault,
    /// When it is injected, from the start of the load.
    pub(crate) at: Duration,
    /// How long it lasts, at least.
    pub(crate) lasts: Duration,
}

/// Draws faults one after the other. The same seed draws the same ones.
#[derive(Debug)]
pub(crate) struct Plan {
    rng: Rng,
    kinds: Vec<SoakFault>,
    /// What is left of the kinds, before each is drawn again.
    left: Vec<SoakFault>,
    nodes: usize,
    every: Duration,
    drawn: u32,
}

impl SoakFault {
    /// Every kind with its name. Promotions are not among them: a cluster has one standby.
    pub const ALL: [(&'static str, Self); 12] = [
        ("kill", Self::Kill),
        ("stop", Self::Stop),
        ("restart", Self::Restart),
        ("cut-one-way", Self::CutOneWay),
        ("cut", Self::Cut),
        ("refuse", Self::Refuse),
        ("slow", Self::Slow),
        ("database-stall", Self::DatabaseStall),
        ("database-restart", Self::DatabaseRestart),
        ("full-disk", Self::FullDisk),
        ("clock", Self::Clock),
        ("log-pipe-full", Self::LogPipeFull),
    ];

    /// The kinds that need nothing but the node and PostgreSQL.
    #[must_use]
    pub fn default_kinds() -> Vec<Self> {
        let kinds = Self::ALL.into_iter().map(|(_, kind)| kind);
        kinds
            .filter(|kind| !matches!(kind, Self::FullDisk | Self::Clock))
            .collect()
    }

    /// Its name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.into_iter().find(|(_, kind)| *kind == self);
        found.expect("every kind has a name").0
    }

    /// How long it lasts. A killed node is away for longer than its fail-over takes (at most 6 s),
    /// and a stopped one too. A fault of connections may be over before anybody is fenced.
    fn lasts_ms(self) -> Range<u64> {
        match self {
            Self::Kill => 6_500..8_000,
            Self::Stop => 7_000..9_000,
            Self::Restart => 500..2_000,
            Self::CutOneWay | Self::Cut | Self::Refuse | Self::Slow => 2_000..8_000,
            Self::DatabaseStall => 2_000..5_000,
            Self::DatabaseRestart => 500..2_000,
            Self::FullDisk => 1_000..4_000,
            Self::Clock | Self::LogPipeFull => 2_000..8_000,
        }
    }
}

impl FromStr for SoakFault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| kind).ok_or_else(|| {
            let known = Self::ALL.map(|(known, _)| known).join(", ");
            format!("no such fault; faults are {known}")
        })
    }
}

impl Plan {
    /// # Panics
    /// Without kinds.
    pub(crate) fn new(seed: u64, kinds: &[SoakFault], nodes: usize, every: Duration) -> Self {
        assert!(!kinds.is_empty(), "a soak has kinds of faults");
        Self {
            rng: seeded(&[seed]),
            kinds: kinds.to_vec(),
            left: Vec::new(),
            nodes,
            every,
            drawn: 0,
        }
    }

    /// The next fault. Never the last one.
    pub(crate) fn draw(&mut self) -> PlannedFault {
        if self.left.is_empty() {
            self.left.clone_from(&self.kinds);
            self.rng.shuffle(&mut self.left);
        }
        let kind = self.left.pop().expect("it was filled");
        self.drawn += 1;
        let jitter = Duration::from_millis(self.rng.u64(..JITTER_MS));
        PlannedFault {
            kind,
            fault: self.fault(kind),
            at: self.every * self.drawn + jitter,
            lasts: Duration::from_millis(self.rng.u64(kind.lasts_ms())),
        }
    }

    fn fault(&mut self, kind: SoakFault) -> Fault {
        let node = self.rng.usize(..self.nodes);
        let link = match self.rng.bool() {
            true => Link::Database,
            false => Link::Peers,
        };
        match kind {
            SoakFault::Kill => Fault::Kill { node },
            SoakFault::Stop => Fault::Stop { node },
            SoakFault::Restart => Fault::Restart { node },
            SoakFault::CutOneWay => Fault::CutOneWay { node, link },
            SoakFault::Cut => Fault::CutBothWays { node, link },
            SoakFault::Refuse => Fault::Refused { node, link },
            SoakFault::Slow => Fault::Slow {
                node,
                link,
                delay_ms: DELAY_MS,
            },
            SoakFault::DatabaseStall => Fault::DatabaseStall,
            SoakFault::DatabaseRestart => Fault::DatabaseRestart,
            SoakFault::FullDisk => Fault::FullDisk,
            SoakFault::Clock => Fault::ClockOff {
                node,
                ahead_s: if self.rng.bool() { HOUR_S } else { -HOUR_S },
            },
            SoakFault::LogPipeFull => Fault::LogPipeFull { node },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    fn drawn(seed: u64, count: usize) -> Vec<PlannedFault> {
        let mut plan = Plan::new(seed, &SoakFault::default_kinds(), 3, EVERY);
        (0..count).map(|_| plan.draw()).collect()
    }

    #[test]
    fn faults_are_determined_by_their_seed() {
        assert_eq!(drawn(7, 40), drawn(7, 40));
        assert_ne!(drawn(7, 40), drawn(8, 40));
    }

    #[test]
    fn every_kind_is_drawn_before_one_is_drawn_again() {
        let kinds = SoakFault::default_kinds();
        let faults = drawn(1, 3 * kinds.len());
        for round in faults.chunks(kinds.len()) {
            let round: BTreeSet<_> = round.iter().map(|planned| planned.kind).collect();
            assert_eq!(round.len(), kinds.len(), "{round:?}");
        }
        let nodes: BTreeSet<_> = faults.iter().filter_map(|it| it.fault.node()).collect();
        assert_eq!(nodes, BTreeSet::from([0, 1, 2]));
    }

    #[test]
    fn fault_is_over_before_the_next_one() {
        for pair in drawn(3, 60).windows(2) {
            assert!(
                pair[0].at + pair[0].lasts + EVERY / 2 < pair[1].at,
                "{pair:?}"
            );
        }
    }

    #[test]
    fn name_of_a_fault_is_read_back() {
        for (name, kind) in SoakFault::ALL {
            assert_eq!((name.parse(), kind.name()), (Ok(kind), name));
        }
        let unknown = "promotion".parse::<SoakFault>().expect_err("no such kind");
        assert!(unknown.contains("database-stall"), "{unknown}");
    }
}
