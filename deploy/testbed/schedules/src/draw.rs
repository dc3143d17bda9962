//! Draws a schedule from a seed.

use std::ops::Range;

use fastrand::Rng;
use fritzy_testbed_faults::{Fault, FaultKind, Link};

use crate::schedule::{Schedule, TimedFault};

const NODES: usize = 3;
/// Few, so that clients meet at each.
const ACCOUNTS: usize = 3;
const PRODUCTS: usize = 2;
/// Enough that they meet, and few enough for a debug build on two cores, shared with another run.
const CLIENTS: Range<usize> = 8..12;
/// Long enough for a fail-over, which takes 5 s, and what follows it.
const DURATION_MS: u64 = 12_000;
/// When the first fault may come: clients know the entities by then.
const FIRST_MS: u64 = 500;
/// When a promotion with loss may come: there is time for other faults before it.
const LOSSY_FIRST_MS: u64 = 3_000;
/// When the last fault may come, so that there is a time after it.
const LAST_MS: u64 = 5_500;
/// When every fault is healed: clients see what comes after.
const HEALED_MS: u64 = 10_500;
const FAULTS: Range<usize> = 3..6;
/// A seed draws the kind of its own number for certain, and that of this much more: so any eight
/// consecutive seeds have every kind.
const SECOND_KIND: usize = 7;
/// Attempts to find a time for a fault that the others leave free.
const ATTEMPTS_MAX: usize = 100;
/// Between two faults of one server: each is over before the next one begins.
const SERVER_GAP_MS: u64 = 1_500;
/// After a promotion with loss: until all nodes know the generation.
const GENERATION_MS: u64 = 4_000;
const HOUR_S: i64 = 3_600;
/// One schedule in so many publishes on a broker, in addition to those with a fault of it.
const KAFKA_ONE_IN: u8 = 10;

/// The schedule of a seed: always the same one.
#[must_use]
pub fn draw(seed: u64) -> Schedule {
    let mut rng = Rng::with_seed(seed);
    let kinds = FaultKind::ALL;
    let first = (seed % kinds.len() as u64) as usize;
    let certain = [first, first + SECOND_KIND];
    let mut wanted = certain.map(|index| kinds[index % kinds.len()]).to_vec();
    // The one that tolerates the fewest others chooses its time first.
    wanted.sort_by_key(|kind| *kind != FaultKind::PromotionWithLoss);
    let count = rng.usize(FAULTS);
    while wanted.len() < count {
        wanted.push(kinds[rng.usize(..kinds.len())]);
    }
    let mut faults: Vec<TimedFault> = Vec::new();
    for kind in wanted {
        let mut attempts = (0..ATTEMPTS_MAX).map(|_| time(fault(kind, &mut rng), &mut rng));
        let free = attempts.find(|timed| faults.iter().all(|other| may_meet(timed, other)));
        faults.extend(free);
    }
    faults.sort_by_key(|timed| timed.at_ms);
    let has_broker_fault = faults.iter().any(|timed| timed.fault == Fault::BrokerAway);
    Schedule {
        seed,
        nodes: NODES,
        clients: rng.usize(CLIENTS),
        accounts: ACCOUNTS,
        products: PRODUCTS,
        duration_ms: DURATION_MS,
        kafka: has_broker_fault || rng.u8(..KAFKA_ONE_IN) == 0,
        faults,
    }
}

fn fault(kind: FaultKind, rng: &mut Rng) -> Fault {
    let node = rng.usize(..NODES);
    // Ownership is decided through the database.
    let link = match rng.u8(..3) {
        0 => Link::Peers,
        _ => Link::Database,
    };
    match kind {
        FaultKind::Kill => Fault::Kill { node },
        FaultKind::Stop => Fault::Stop { node },
        FaultKind::Restart => Fault::Restart { node },
        FaultKind::CutOneWay => Fault::CutOneWay { node, link },
        FaultKind::CutBothWays => Fault::CutBothWays { node, link },
        FaultKind::Refused => Fault::Refused { node, link },
        FaultKind::Slow => Fault::Slow {
            node,
            link,
            delay_ms: rng.u64(20..400),
        },
        FaultKind::DatabaseStall => Fault::DatabaseStall,
        FaultKind::DatabaseRestart => Fault::DatabaseRestart,
        FaultKind::PromotionWithoutLoss => Fault::PromotionWithoutLoss,
        FaultKind::PromotionWithLoss => Fault::PromotionWithLoss,
        FaultKind::FullDisk => Fault::FullDisk,
        FaultKind::BrokerAway => Fault::BrokerAway,
        FaultKind::ClockOff => Fault::ClockOff {
            node,
            ahead_s: if rng.bool() { HOUR_S } else { -HOUR_S },
        },
        FaultKind::LogPipeFull => Fault::LogPipeFull { node },
    }
}

fn time(fault: Fault, rng: &mut Rng) -> TimedFault {
    // Nodes are fenced after 4 to 5 s, and give up a batch after 6 s. Half of the faults of nodes
    // last about so long: what was sent before arrives when others own its shard.
    let around_fence = [500..4_000, 4_800..5_900, 4_800..5_900, 6_000..8_000];
    let for_ms = match fault.kind() {
        FaultKind::Kill => 300..5_000,
        FaultKind::Restart => 300..2_000,
        FaultKind::Stop
        | FaultKind::CutOneWay
        | FaultKind::CutBothWays
        | FaultKind::Refused
        | FaultKind::Slow => around_fence[rng.usize(..around_fence.len())].clone(),
        FaultKind::DatabaseStall => 500..5_000,
        FaultKind::DatabaseRestart | FaultKind::PromotionWithoutLoss => 200..2_000,
        FaultKind::PromotionWithLoss => 300..2_500,
        FaultKind::FullDisk | FaultKind::BrokerAway => 1_000..4_000,
        FaultKind::ClockOff | FaultKind::LogPipeFull => 1_000..8_000,
    };
    let first_ms = match fault {
        Fault::PromotionWithLoss => LOSSY_FIRST_MS,
        _ => FIRST_MS,
    };
    let at_ms = rng.u64(first_ms..LAST_MS);
    TimedFault {
        fault,
        at_ms,
        for_ms: rng.u64(for_ms).min(HEALED_MS - at_ms),
    }
}

/// Whether two faults may be in one schedule at these times.
fn may_meet(one: &TimedFault, other: &TimedFault) -> bool {
    let (a, b) = (&one.fault, &other.fault);
    if is_promotion(a) && is_promotion(b) {
        return false; // There is one standby.
    }
    if (is_promotion(a) && *b == Fault::FullDisk) || (is_promotion(b) && *a == Fault::FullDisk) {
        return false; // The standby is on another disk.
    }
    let is_one_server = is_of_server(a) && is_of_server(b) || is_of_broker(a) && is_of_broker(b);
    if is_one_server && overlap(one, other, SERVER_GAP_MS) {
        return false;
    }
    // What only a dead or fenced node knew to be acknowledged cannot be named as lost.
    for (lossy, met) in [(one, other), (other, one)] {
        let (lossy_ms, met_ms) = (lossy.period_ms(), met.period_ms());
        if lossy.fault == Fault::PromotionWithLoss
            && ends_memory(&met.fault)
            && met_ms.start < lossy_ms.end + GENERATION_MS
            && lossy_ms.start < met_ms.end
        {
            return false;
        }
    }
    // Healing one would heal the other.
    !(a.node().is_some() && a.node() == b.node() && place(a) == place(b) && overlap(one, other, 0))
}

fn overlap(one: &TimedFault, other: &TimedFault, gap_ms: u64) -> bool {
    let (one, other) = (one.period_ms(), other.period_ms());
    one.start < other.end + gap_ms && other.start < one.end + gap_ms
}

const fn is_promotion(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::PromotionWithoutLoss | Fault::PromotionWithLoss
    )
}

const fn is_of_broker(fault: &Fault) -> bool {
    matches!(fault, Fault::BrokerAway)
}

const fn is_of_server(fault: &Fault) -> bool {
    is_promotion(fault)
        || matches!(
            fault,
            Fault::DatabaseStall | Fault::DatabaseRestart | Fault::FullDisk
        )
}

/// Whether a node may end or be fenced by it.
const fn ends_memory(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Kill { .. }
            | Fault::Stop { .. }
            | Fault::Restart { .. }
            | Fault::CutOneWay { .. }
            | Fault::CutBothWays { .. }
            | Fault::Refused { .. }
            | Fault::Slow { .. }
    )
}

/// The part of a node that a fault concerns.
#[derive(PartialEq, Eq)]
enum Place {
    Process,
    Link(Link),
    Clock,
    Log,
    None,
}

const fn place(fault: &Fault) -> Place {
    match fault {
        Fault::Kill { .. } | Fault::Stop { .. } | Fault::Restart { .. } => Place::Process,
        Fault::CutOneWay { link, .. }
        | Fault::CutBothWays { link, .. }
        | Fault::Refused { link, .. }
        | Fault::Slow { link, .. } => Place::Link(*link),
        Fault::ClockOff { .. } => Place::Clock,
        Fault::LogPipeFull { .. } => Place::Log,
        _ => Place::None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn kinds(seed: u64) -> BTreeSet<FaultKind> {
        let faults = draw(seed).faults;
        faults.iter().map(|timed| timed.fault.kind()).collect()
    }

    #[test]
    fn schedule_is_determined_by_its_seed() {
        for seed in 0..200 {
            let schedule = draw(seed);
            assert_eq!(schedule, draw(seed));
            assert!(!schedule.faults.is_empty(), "{seed}");
            let json = serde_json::to_string(&schedule).unwrap();
            assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
        }
        assert_ne!(draw(1).faults, draw(2).faults);
    }

    #[test]
    fn eight_consecutive_seeds_draw_every_kind() {
        for first in 1..100 {
            let drawn: BTreeSet<_> = (first..first + 8).flat_map(kinds).collect();
            assert_eq!(drawn.len(), FaultKind::ALL.len(), "from {first}: {drawn:?}");
        }
    }

    #[test]
    fn faults_that_must_not_meet_do_not() {
        for seed in 0..2_000 {
            let schedule = draw(seed);
            let faults = &schedule.faults;
            let promotions = faults.iter().filter(|timed| is_promotion(&timed.fault));
            assert!(promotions.count() <= 1, "{schedule:?}");
            let mut lossy = faults.iter();
            let lossy = lossy.find(|timed| timed.fault == Fault::PromotionWithLoss);
            for met in faults.iter().filter(|met| ends_memory(&met.fault)) {
                let meets = lossy.is_some_and(|lossy| {
                    met.period_ms().start < lossy.period_ms().end
                        && lossy.period_ms().start < met.period_ms().end
                });
                assert!(!meets, "{schedule:?}");
            }
            let away = faults
                .iter()
                .filter(|timed| timed.fault == Fault::BrokerAway);
            let away: Vec<_> = away.map(TimedFault::period_ms).collect();
            let is_apart = away.windows(2).all(|pair| pair[0].end < pair[1].start);
            assert!(is_apart, "{schedule:?}");
            drop(schedule.cluster());
        }
    }
}
