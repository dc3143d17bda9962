//! Which node should own which shard: computed by every node for itself, with the same result.
//!
//! Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates",
//! 1998): a shard is assigned to the node with which it has the highest score. By chance alone some
//! nodes would get half as much again as others, so the capacity of each is a tenth more than the
//! mean (Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", 2018, there
//! on a ring): shards beyond it are assigned to their next best node.

use fritzy_types::{NodeId, ShardId};

/// How much a node may own, as a share of the mean: 11 tenths. Less capacity evens out more and
/// moves more shards when a node joins or leaves, since a full node passes on the shards beyond its
/// capacity.
const CAPACITY_FACTOR: (u64, u64) = (11, 10);
/// Stands for a shard where a node's capacity is rounded. Shards are numbered in 32 bits, so that
/// no shard has this number.
const ROUNDING: u64 = u64::MAX;

/// The node of each of `shards` shards among `nodes`, in any order; all `None` when there is no
/// node. No node gets more than 1.1 times the mean, rounded up.
///
/// In rounds: each shard without a node bids for the best of those that it has not bid for, and a
/// node with more bids than capacity takes those with the highest scores. It keeps them, so that
/// shards on their best node move only when that changes.
///
/// Takes time in proportion to shards times nodes: some 0.3 s for 65 536 shards on 1 000 nodes.
pub fn assign(shards: u32, nodes: &[NodeId]) -> Vec<Option<NodeId>> {
    let nodes = in_order(nodes);
    let mut assigned = vec![None; shards as usize];
    if nodes.is_empty() {
        return assigned;
    }
    let keys: Vec<u64> = nodes.iter().map(|node| hash_node(*node)).collect();
    let mut capacity: Vec<u64> = keys
        .iter()
        .map(|key| capacity(*key, u64::from(shards), nodes.len() as u64))
        .collect();
    let mut bids: Vec<Bid> = (0..shards).map(Bid::first).collect();
    while !bids.is_empty() {
        for bid in &mut bids {
            bid.next(&keys);
        }
        bids.sort_unstable_by_key(|bid| (bid.node, std::cmp::Reverse(bid.score)));
        bids.retain(|bid| {
            let capacity = &mut capacity[bid.node];
            if *capacity == 0 {
                return true;
            }
            *capacity -= 1;
            assigned[bid.shard as usize] = Some(nodes[bid.node]);
            false
        });
    }
    assigned
}

/// The nodes in the order in which [`assign`] has a shard bid for them, each once: the first with
/// capacity left gets it.
pub fn preference(shard: ShardId, nodes: &[NodeId]) -> Vec<NodeId> {
    let shard = splitmix64(u64::from(shard.0));
    let nodes = in_order(nodes).into_iter();
    let mut scored: Vec<(u64, NodeId)> = nodes
        .map(|node| (splitmix64(hash_node(node) ^ shard), node))
        .collect();
    scored.sort_unstable_by(|one, other| other.cmp(one));
    scored.into_iter().map(|(_, node)| node).collect()
}

/// A shard, the index of the node that it bids for, and their score.
struct Bid {
    shard: u32,
    score: u64,
    node: usize,
}

impl Bid {
    /// Before the first round.
    const fn first(shard: u32) -> Self {
        Self {
            shard,
            score: u64::MAX,
            node: usize::MAX,
        }
    }

    /// Advances to the best node below the present one. All nodes' scores are computed again, which
    /// is cheaper than keeping them: few shards bid twice.
    ///
    /// There is such a node, because the nodes have capacity for all shards: if all had turned a
    /// shard down, their whole capacity would be used by others.
    fn next(&mut self, keys: &[u64]) {
        let shard = splitmix64(u64::from(self.shard));
        let present = (self.score, self.node);
        let mut best = None;
        for (node, key) in keys.iter().enumerate() {
            let scored = (splitmix64(key ^ shard), node);
            if scored < present && best.is_none_or(|best| scored > best) {
                best = Some(scored);
            }
        }
        (self.score, self.node) = best.expect("the nodes have capacity for all shards");
    }
}

/// How many shards a node takes: 1.1 times the mean, rounded up by some nodes and down by others,
/// in proportion to the fraction, and at least the mean. If all rounded up, all full nodes would
/// reach the next whole number with the same join: at 51 to 120 nodes with 1 024 shards the worst
/// join then moved seven times as many shards as needed, instead of four.
fn capacity(key: u64, shards: u64, nodes: u64) -> u64 {
    let (whole, rest) = (
        CAPACITY_FACTOR.0 * shards / (CAPACITY_FACTOR.1 * nodes),
        CAPACITY_FACTOR.0 * shards % (CAPACITY_FACTOR.1 * nodes),
    );
    let chance = splitmix64(key ^ splitmix64(ROUNDING)) >> 32;
    let up = (chance * CAPACITY_FACTOR.1 * nodes) >> 32 < rest;
    (whole + u64::from(up)).max(shards.div_ceil(nodes))
}

/// A number for a node that is evenly distributed, also for ids that were generated one after the
/// other.
pub(crate) fn hash_node(node: NodeId) -> u64 {
    let (high, low) = node.as_uuid().as_u64_pair();
    splitmix64(splitmix64(high) ^ low)
}

/// The output function of `SplitMix64` (Steele, Lea and Flood, 2014, with constants by Stafford),
/// its increment included: a bijection, so that no two shards have the same score on a node.
///
/// Its output decides the assignment, which nodes of all versions must agree on. So it is written
/// out here instead of taken from a crate of random numbers, whose output may change.
const fn splitmix64(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// In ascending order, each once, so that equal sets compare equal.
fn in_order(nodes: &[NodeId]) -> Vec<NodeId> {
    let mut nodes = nodes.to_vec();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// The last assignment, computed again only when the nodes change.
#[derive(Debug)]
pub struct Placement {
    nodes: Vec<NodeId>,
    assigned: Vec<Option<NodeId>>,
}

impl Placement {
    /// An assignment of `shards` shards to no node.
    pub fn new(shards: u32) -> Self {
        Self {
            nodes: Vec::new(),
            assigned: assign(shards, &[]),
        }
    }

    /// The node of each shard among `nodes`, as [`assign`] computes it.
    pub fn of(&mut self, nodes: &[NodeId]) -> &[Option<NodeId>] {
        let nodes = in_order(nodes);
        if nodes != self.nodes {
            self.assigned = assign(self.assigned.len() as u32, &nodes);
            self.nodes = nodes;
        }
        &self.assigned
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn node(number: u128) -> NodeId {
        NodeId::from_uuid(Uuid::from_u128(number))
    }

    fn loads(assigned: &[Option<NodeId>]) -> HashMap<NodeId, u64> {
        let mut loads = HashMap::new();
        for node in assigned.iter().flatten() {
            *loads.entry(*node).or_default() += 1;
        }
        loads
    }

    fn moved(before: &[Option<NodeId>], after: &[Option<NodeId>]) -> u64 {
        before.iter().zip(after).filter(|(a, b)| a != b).count() as u64
    }

    #[test]
    fn no_node_gets_no_shard_and_a_single_node_gets_all() {
        assert_eq!(assign(3, &[]), [None; 3]);
        assert_eq!(assign(3, &[node(7)]), [Some(node(7)); 3]);
        assert_eq!(assign(0, &[node(7)]), []);
    }

    /// Two versions of the program that assign differently would move shards back and forth for
    /// ever. To change these figures, plan for clusters in which both versions run.
    #[test]
    fn assignment_is_the_same_in_every_version() {
        let nodes = [1, 2, 3].map(node);
        let assigned: Vec<u128> = assign(16, &nodes)
            .iter()
            .flatten()
            .map(|node| node.as_uuid().as_u128())
            .collect();
        assert_eq!(assigned, [1, 2, 2, 2, 3, 3, 1, 2, 2, 1, 1, 1, 3, 3, 1, 3]);
    }

    #[test]
    fn splitmix64_matches_published_outputs() {
        // The first outputs of SplitMix64 seeded with 0, where the state grows by its increment.
        assert_eq!(splitmix64(0), 0xE220_A839_7B1D_CDAF);
        assert_eq!(splitmix64(0x9E37_79B9_7F4A_7C15), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn cached_placement_follows_its_nodes() {
        let mut placement = Placement::new(64);
        assert_eq!(placement.of(&[]), assign(64, &[]));
        for nodes in [
            vec![1, 2, 3],
            vec![3, 2, 1],
            vec![3, 2, 4],
            vec![2],
            vec![],
            vec![9],
        ] {
            let nodes: Vec<NodeId> = nodes.into_iter().map(node).collect();
            assert_eq!(placement.of(&nodes), assign(64, &nodes), "{nodes:?}");
        }
    }

    fn ids() -> impl Strategy<Value = Vec<NodeId>> {
        proptest::collection::btree_set(any::<u128>(), 1..40)
            .prop_map(|ids| ids.into_iter().map(node).collect())
    }

    proptest! {
        #[test]
        fn every_shard_is_assigned_within_node_capacity(nodes in ids(), shards in 0_u32..600) {
            let assigned = assign(shards, &nodes);
            prop_assert_eq!(assigned.len(), shards as usize);
            prop_assert!(assigned.iter().all(|owner| owner.is_some_and(|owner| nodes.contains(&owner))));
            let most = (11 * u64::from(shards)).div_ceil(10 * nodes.len() as u64);
            for (node, load) in loads(&assigned) {
                prop_assert!(load <= most, "{} has {} of {}", node, load, most);
            }
        }

        #[test]
        fn shard_with_capacity_gets_its_preferred_node(nodes in ids()) {
            // The capacity of a node is one at least.
            prop_assert_eq!(assign(1, &nodes)[0], preference(ShardId(0), &nodes).first().copied());
        }

        #[test]
        fn assignment_ignores_node_order_and_duplicates(
            (nodes, shuffled) in ids().prop_flat_map(|ids| (Just(ids.clone()), Just(ids).prop_shuffle())),
        ) {
            let twice = [shuffled.clone(), nodes.clone()].concat();
            let assigned = assign(300, &nodes);
            prop_assert_eq!(&assigned, &assign(300, &shuffled));
            prop_assert_eq!(&assigned, &assign(300, &twice));
        }

        #[test]
        fn join_moves_little_more_than_the_new_node_gets(nodes in ids(), new in any::<u128>()) {
            prop_assume!(!nodes.contains(&node(new)));
            let shards = 20 * (nodes.len() as u32 + 1);
            let after = assign(shards, &[nodes.as_slice(), &[node(new)]].concat());
            let (moved, needed) = (moved(&assign(shards, &nodes), &after), loads(&after)[&node(new)]);
            // On average it is 1.2 times as many; the rest is chance.
            prop_assert!(moved <= 3 * needed + 20, "{} moved, {} needed", moved, needed);
        }
    }
}
