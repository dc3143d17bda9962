//! Which shards a node acquires, and which it hands off to which node, so that each shard gets to
//! its assigned node.
//!
//! Shards without an owner that is alive are acquired at once, each by the node that it is assigned
//! to. Shards with an owner move only when the set of nodes has been the same for a while: a node
//! that restarts should not have its shards moved twice.

use std::collections::HashSet;
use std::time::Duration;

use fritzy_types::{NodeId, NodeRecord, ShardCount, ShardId};

use crate::placement::rendezvous::Placement;

/// How long the set of nodes must have been the same before shards move that have an owner: nodes
/// that are started together join within it, and get their shards in one move.
pub const STABLE_FOR: Duration = Duration::from_secs(3);

/// The input of a plan.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The nodes that have not left.
    pub nodes: &'a [NodeRecord],
    /// The owner of every shard, in ascending order of shards. Owners that are fenced or not among
    /// the nodes count as none.
    pub owners: &'a [Option<NodeId>],
    /// The shards that this node is handing off already.
    pub moving: &'a [ShardId],
    /// Whether the nodes have been the same for [`STABLE_FOR`], or a rebalance was requested.
    pub stable: bool,
}

/// What a node does next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Shards to acquire, each with the owner it was seen with: none, or one that is fenced or has
    /// left.
    pub acquire: Vec<(ShardId, Option<NodeId>)>,
    /// Shards to hand off, each with its next owner, besides those being handed off.
    pub hand_off: Vec<(ShardId, NodeId)>,
}

/// Computes the plans of one node.
#[derive(Debug)]
pub struct Planner {
    me: NodeId,
    moving_max: usize,
    placement: Placement,
}

impl Planner {
    /// A planner for node `me`, which hands off at most `moving_max` shards at a time: requests to
    /// a shard being handed off wait.
    pub fn new(me: NodeId, shards: ShardCount, moving_max: usize) -> Self {
        Self {
            me,
            moving_max,
            placement: Placement::new(u32::from(shards.get())),
        }
    }

    /// The plan for a view. It is empty for a node that is fenced or not among the nodes. A
    /// draining node acquires nothing and hands off at once, as long as another node can own
    /// shards.
    pub fn plan(&mut self, view: &View<'_>) -> Plan {
        let standing = || view.nodes.iter().filter(|record| !record.fenced);
        let Some(me) = standing().find(|record| record.node.id == self.me) else {
            return Plan::default();
        };
        let owning: Vec<NodeId> = standing()
            .filter(|record| record.node.roles.entities && !record.draining)
            .map(|record| record.node.id)
            .collect();
        let standing: HashSet<NodeId> = standing().map(|record| record.node.id).collect();
        let mut plan = Plan::default();
        let assigned = self.placement.of(&owning);
        assert_eq!(
            assigned.len(),
            view.owners.len(),
            "one owner for each shard"
        );
        for ((shard, owner), next) in (0..).map(ShardId).zip(view.owners).zip(assigned) {
            if view.moving.contains(&shard) {
                continue;
            }
            let Some(next) = *next else { continue };
            if owner.is_none_or(|owner| !standing.contains(&owner)) {
                if next == self.me {
                    plan.acquire.push((shard, *owner));
                }
            } else if *owner == Some(self.me) && next != self.me {
                plan.hand_off.push((shard, next));
            }
        }
        if view.stable || me.draining {
            let free = self.moving_max.saturating_sub(view.moving.len());
            plan.hand_off.truncate(free);
        } else {
            plan.hand_off.clear();
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use fritzy_types::{NewNode, Roles};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::placement::rendezvous::assign;

    const SHARDS: u16 = 64;
    const ME: u128 = 1;

    fn node(number: u128) -> NodeId {
        NodeId::from_uuid(Uuid::from_u128(number))
    }

    fn record(number: u128) -> NodeRecord {
        NodeRecord {
            node: NewNode {
                id: node(number),
                name: number.to_string(),
                address: None,
                roles: Roles::ALL,
                program: String::new(),
                wire_min: 1,
                wire_max: 1,
            },
            heartbeat: 0,
            fenced: false,
            draining: false,
        }
    }

    fn records<const N: usize>(numbers: [u128; N]) -> Vec<NodeRecord> {
        numbers.map(record).to_vec()
    }

    fn assigned(numbers: &[u128]) -> Vec<Option<NodeId>> {
        let nodes: Vec<NodeId> = numbers.iter().copied().map(node).collect();
        assign(u32::from(SHARDS), &nodes)
    }

    fn planner(me: u128, moving_max: usize) -> Planner {
        let shards = ShardCount::new(SHARDS).expect("in range");
        Planner::new(node(me), shards, moving_max)
    }

    fn view<'a>(nodes: &'a [NodeRecord], owners: &'a [Option<NodeId>]) -> View<'a> {
        View {
            nodes,
            owners,
            moving: &[],
            stable: true,
        }
    }

    fn plan(view: &View<'_>) -> Plan {
        planner(ME, usize::MAX).plan(view)
    }

    /// The shards that `owner` owns in `owners`.
    fn of(owners: &[Option<NodeId>], owner: Option<NodeId>) -> Vec<ShardId> {
        let shards = (0..).map(ShardId).zip(owners);
        shards
            .filter(|(_, o)| **o == owner)
            .map(|(s, _)| s)
            .collect()
    }

    fn acquired(plan: &Plan) -> Vec<ShardId> {
        plan.acquire.iter().map(|(shard, _)| *shard).collect()
    }

    #[test]
    fn plan_is_empty_when_all_shards_are_assigned() {
        let owners = assigned(&[1, 2, 3]);
        assert_eq!(plan(&view(&records([1, 2, 3]), &owners)), Plan::default());
    }

    #[test]
    fn unowned_shards_are_acquired_by_their_assigned_node() {
        let nodes = records([1, 2, 3]);
        let owners = vec![None; usize::from(SHARDS)];
        let plan = plan(&View {
            stable: false,
            ..view(&nodes, &owners)
        });
        assert_eq!(acquired(&plan), of(&assigned(&[1, 2, 3]), Some(node(ME))));
        assert!(plan.acquire.iter().all(|(_, owner)| owner.is_none()));
        assert_eq!(plan.hand_off, []);
    }

    #[test]
    fn orphaned_shards_are_acquired_with_their_last_owner() {
        let owners = assigned(&[1, 2, 3]);
        let mut fenced = records([1, 2, 3]);
        fenced[2].fenced = true;
        for nodes in [fenced, records([1, 2])] {
            let plan = plan(&View {
                stable: false,
                ..view(&nodes, &owners)
            });
            let mine = of(&assigned(&[1, 2]), Some(node(ME)));
            let orphans = of(&owners, Some(node(3)));
            let expected: Vec<_> = orphans
                .into_iter()
                .filter(|shard| mine.contains(shard))
                .map(|shard| (shard, Some(node(3))))
                .collect();
            assert!(!expected.is_empty());
            assert_eq!(plan.acquire, expected);
            assert_eq!(plan.hand_off, []);
        }
    }

    #[test]
    fn shards_move_to_new_node_in_steps_once_nodes_are_stable() {
        let nodes = records([1, 2, 3]);
        let owners = assigned(&[1, 2]);
        let moving = |moving: &[ShardId], stable| {
            let view = View {
                moving,
                stable,
                ..view(&nodes, &owners)
            };
            planner(ME, 3).plan(&view).hand_off
        };
        assert_eq!(moving(&[], false), []);
        let first = moving(&[], true);
        assert_eq!(first.len(), 3);
        assert!(first.iter().all(|(_, next)| *next == node(3)), "{first:?}");
        let moved: Vec<ShardId> = first.iter().map(|(shard, _)| *shard).collect();
        assert_eq!(moving(&moved, true), [], "the limit is reached");
        let next = moving(&moved[..1], true);
        assert_eq!(next, first[1..], "two more, once two have moved");
    }

    #[test]
    fn draining_node_acquires_nothing_and_hands_off_at_once() {
        let mut nodes = records([1, 2, 3]);
        nodes[0].draining = true;
        let mut owners = assigned(&[1, 2, 3]);
        owners[0] = None;
        let mine = of(&owners, Some(node(ME)));
        let plan = plan(&View {
            stable: false,
            ..view(&nodes, &owners)
        });
        assert_eq!(plan.acquire, []);
        let handed: Vec<ShardId> = plan.hand_off.iter().map(|(shard, _)| *shard).collect();
        assert_eq!(handed, mine);
        let after = assigned(&[2, 3]);
        for (shard, next) in plan.hand_off {
            assert_eq!(after[usize::from(shard.0)], Some(next));
        }
    }

    #[test]
    fn shards_stay_when_no_node_can_own_them() {
        let mut nodes = records([1, 2]);
        nodes[0].draining = true;
        nodes[1].node.roles.entities = false;
        let mut owners = assigned(&[1, 2]);
        owners[0] = None;
        assert_eq!(plan(&view(&nodes, &owners)), Plan::default());
    }

    #[test]
    fn shards_of_an_unfenced_node_are_not_acquired() {
        let mut nodes = records([1, 2]);
        nodes[1].draining = true;
        let owners = vec![Some(node(2)); usize::from(SHARDS)];
        assert_eq!(plan(&view(&nodes, &owners)), Plan::default());
    }

    #[test]
    fn fenced_or_unknown_node_plans_nothing() {
        let owners = vec![None; usize::from(SHARDS)];
        let mut fenced = records([1, 2]);
        fenced[0].fenced = true;
        assert_eq!(plan(&view(&fenced, &owners)), Plan::default());
        assert_eq!(plan(&view(&records([2]), &owners)), Plan::default());
    }

    #[test]
    fn moving_shard_is_not_acquired_back() {
        let owners = vec![None; usize::from(SHARDS)];
        let nodes = records([1]);
        let moving = [ShardId(5)];
        let plan = plan(&View {
            moving: &moving,
            ..view(&nodes, &owners)
        });
        assert_eq!(plan.acquire.len(), usize::from(SHARDS) - 1);
        assert!(!acquired(&plan).contains(&ShardId(5)));
    }

    proptest! {
        /// From any owners, the plans of all nodes, each carried out, lead to the assignment; no
        /// shard is in the plans of two nodes, and none is missed.
        #[test]
        fn plans_converge_to_the_assignment(
            owners in proptest::collection::vec(proptest::option::of(0_u128..7), usize::from(SHARDS)),
            limit in 1_usize..9,
        ) {
            // 0 has left, 5 is fenced, 6 drains.
            let mut nodes = records([1, 2, 3, 4, 5, 6]);
            nodes[4].fenced = true;
            nodes[5].draining = true;
            let mut owners: Vec<Option<NodeId>> = owners.into_iter().map(|o| o.map(node)).collect();
            let mut planners: Vec<Planner> = (1..=6).map(|me| planner(me, limit)).collect();
            for _ in 0..=usize::from(SHARDS) {
                let plans: Vec<Plan> =
                    planners.iter_mut().map(|planner| planner.plan(&view(&nodes, &owners))).collect();
                let mut planned = HashSet::new();
                for (planner, plan) in planners.iter().zip(plans) {
                    prop_assert!(plan.hand_off.len() <= limit);
                    for (shard, seen) in plan.acquire {
                        prop_assert!(planned.insert(shard));
                        prop_assert_eq!(owners[usize::from(shard.0)], seen);
                        owners[usize::from(shard.0)] = Some(planner.me);
                    }
                    for (shard, next) in plan.hand_off {
                        prop_assert!(planned.insert(shard));
                        prop_assert_eq!(owners[usize::from(shard.0)], Some(planner.me));
                        owners[usize::from(shard.0)] = Some(next);
                    }
                }
            }
            prop_assert_eq!(owners, assigned(&[1, 2, 3, 4]));
        }
    }
}
