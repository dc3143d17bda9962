//! What the simulation measures. Shared by the example, at full size, and the test, at a smaller
//! one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fritzy_cluster::{FailureDetector, TTL, WATCHED_MAX, assign, watched};
use fritzy_types::NodeId;
use uuid::Uuid;

/// Ids as nodes generate them: the time, here one millisecond after the other, then random bits.
pub(crate) fn node_ids(count: usize, rng: &mut fastrand::Rng) -> Vec<NodeId> {
    let began_ms = 1_790_000_000_000_u128;
    (0..count as u128)
        .map(|n| (began_ms + n) << 80 | u128::from(rng.u64(..)))
        .map(|id| NodeId::from_uuid(Uuid::from_u128(id)))
        .collect()
}

/// Shards that moved, and those that had to: the new node's shards, or those of the node that left.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moves {
    pub(crate) moved: usize,
    pub(crate) needed: usize,
}

impl Moves {
    /// How many times as many moved as needed.
    pub(crate) fn ratio(self) -> f64 {
        self.moved as f64 / self.needed as f64
    }

    fn add(&mut self, other: Self) {
        self.moved += other.moved;
        self.needed += other.needed;
    }
}

/// Assignments of a number of shards to a number of nodes, to one node more and to one less, over
/// several draws of ids.
#[derive(Debug)]
pub(crate) struct Placements {
    /// The shards of the fullest node, as a share of the mean; the worst draw.
    pub(crate) fullest: f64,
    /// The shards of the emptiest node, as a share of the mean; the worst draw.
    pub(crate) emptiest: f64,
    /// Summed over all draws.
    pub(crate) join: Moves,
    /// The ratio of the worst draw.
    pub(crate) join_worst: f64,
    /// Summed over all draws.
    pub(crate) leave: Moves,
    /// The ratio of the worst draw.
    pub(crate) leave_worst: f64,
    /// The longest of all draws.
    pub(crate) assign_took: Duration,
}

pub(crate) fn placements(
    nodes: usize,
    shards: u32,
    draws: usize,
    rng: &mut fastrand::Rng,
) -> Placements {
    let mut all = Placements {
        fullest: 0.0,
        emptiest: f64::INFINITY,
        join: Moves::default(),
        join_worst: 0.0,
        leave: Moves::default(),
        leave_worst: 0.0,
        assign_took: Duration::ZERO,
    };
    for _ in 0..draws {
        let ids = node_ids(nodes + 1, rng);
        let (new, present) = ids.split_last().expect("one at least");
        let began = Instant::now();
        let assigned = assign(shards, present);
        all.assign_took = all.assign_took.max(began.elapsed());

        let mut loads: HashMap<NodeId, u32> = present.iter().map(|node| (*node, 0)).collect();
        for node in assigned.iter().flatten() {
            *loads.entry(*node).or_default() += 1;
        }
        let share = |load: u32| f64::from(load) * nodes as f64 / f64::from(shards);
        for load in loads.into_values().map(share) {
            all.fullest = all.fullest.max(load);
            all.emptiest = all.emptiest.min(load);
        }

        let join = moves(&assigned, &assign(shards, &ids), *new);
        all.join_worst = all.join_worst.max(join.ratio());
        all.join.add(join);
        if let Some((leaver, others @ [_, ..])) = present.split_first() {
            let leave = moves(&assigned, &assign(shards, others), *leaver);
            all.leave_worst = all.leave_worst.max(leave.ratio());
            all.leave.add(leave);
        }
    }
    all
}

/// The moves between two assignments of which one has `node` and the other has not.
fn moves(before: &[Option<NodeId>], after: &[Option<NodeId>], node: NodeId) -> Moves {
    let pairs = || before.iter().zip(after);
    Moves {
        moved: pairs().filter(|(b, a)| b != a).count(),
        needed: pairs()
            .filter(|(b, a)| (**b == Some(node)) != (**a == Some(node)))
            .count(),
    }
}

/// The load of membership on the database while no node joins, leaves or dies.
#[derive(Debug)]
pub(crate) struct DatabaseLoad {
    /// A heartbeat and a poll for each node.
    pub(crate) statements_per_s: usize,
    /// The heartbeats that polls read.
    pub(crate) rows_read_per_s: usize,
}

pub(crate) fn database_load(ids: &[NodeId]) -> DatabaseLoad {
    DatabaseLoad {
        statements_per_s: 2 * ids.len(),
        rows_read_per_s: ids.iter().map(|me| watched(*me, ids).len()).sum(),
    }
}

/// How long until the last of the dead is fenced, when the first `dead` of the nodes, which started
/// one after the other, die at once. All poll each second, each in its own part of it, and fence
/// the dead they detect.
pub(crate) fn all_fenced_after(ids: &[NodeId], dead: usize) -> Duration {
    let began = Instant::now();
    let mut unfenced = ids.to_vec();
    let alive = &ids[dead..];
    let mut observers: Vec<FailureDetector> = alive
        .iter()
        .map(|me| FailureDetector::new(*me, TTL))
        .collect();
    let dies_at = Duration::from_secs(10);
    for second in 0..600 {
        for (n, (me, observer)) in alive.iter().zip(&mut observers).enumerate() {
            let part = Duration::from_millis((n * 1_000 / alive.len()) as u64);
            let at = Duration::from_secs(second) + part;
            let heartbeat = |node: &NodeId| {
                let alive = alive.contains(node) || at < dies_at;
                (
                    *node,
                    if alive {
                        at.as_secs()
                    } else {
                        dies_at.as_secs() - 1
                    },
                )
            };
            let watched = watched(*me, &unfenced);
            assert!(watched.len() <= WATCHED_MAX);
            let heartbeats: Vec<(NodeId, u64)> = watched.iter().map(heartbeat).collect();
            let now = began + at;
            let found = observer.observe(now, Some(now), &heartbeats);
            assert!(found.iter().all(|(node, _)| !alive.contains(node)), "alive");
            unfenced.retain(|node| !found.iter().any(|(dead, _)| dead == node));
            if unfenced.len() == alive.len() {
                return at - (dies_at - Duration::from_secs(1));
            }
        }
    }
    panic!(
        "{} of {dead} dead are not fenced",
        unfenced.len() - alive.len()
    );
}
