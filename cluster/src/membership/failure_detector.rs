//! Which nodes are declared dead. A node is alive as long as its heartbeat grows. A heartbeat that
//! has stopped is evidence only while the database could be read and written, as far as this node
//! can tell: during an outage no node could write its heartbeat.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fritzy_types::NodeId;

use crate::placement::rendezvous::hash_node;

/// How many others a node watches. What a poll reads stays the same in a cluster of any size, and a
/// node is still watched when a third of all die at once (all 16 dead: once in 43 million).
pub const WATCHED_MAX: usize = 16;
/// In how many polls a heartbeat must have been the same, besides for how long: two polls say
/// nothing of the time between them.
const POLLS_MIN: u32 = 3;

/// The heartbeats of other nodes, as one node has seen them.
#[derive(Debug)]
pub struct FailureDetector {
    me: NodeId,
    ttl: Duration,
    polled_at: Option<Instant>,
    evidence: HashMap<NodeId, Evidence>,
}

/// A heartbeat, since when it has been the same, and in how many polls.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    heartbeat: u64,
    since: Instant,
    polls: u32,
}

impl FailureDetector {
    /// A detector on node `me`, which declares others dead after `ttl`: [`crate::TTL`] outside
    /// tests.
    pub fn new(me: NodeId, ttl: Duration) -> Self {
        Self {
            me,
            ttl,
            polled_at: None,
            evidence: HashMap::new(),
        }
    }

    /// The longest time without a poll, or without a heartbeat of our own, after which a stopped
    /// heartbeat is still evidence: half of the TTL. Nodes send four heartbeats in a TTL, so one
    /// that could not for so long still has one attempt to spare when the database is back.
    fn gap_max(&self) -> Duration {
        self.ttl / 2
    }

    /// Records the result of a poll. Returns the nodes to fence, each with the heartbeat at which
    /// it stopped: those whose heartbeat was the same in at least three polls over at least a TTL.
    /// Each poll returns them again until their heartbeat grows or they are missing in
    /// `heartbeats`. Never returns this node itself.
    ///
    /// `now` is when the result of the poll arrived, not when the poll was sent: a heartbeat that
    /// was read for the first time is at least as old as that result. `renewed` is when this node's
    /// own last heartbeat succeeded: a database that can be read but not written, because its disk
    /// is full or its standby is away, stops all heartbeats at once.
    pub fn observe(
        &mut self,
        now: Instant,
        renewed: Option<Instant>,
        heartbeats: &[(NodeId, u64)],
    ) -> Vec<(NodeId, u64)> {
        let gone_for = |last: Instant| now.saturating_duration_since(last) > self.gap_max();
        if self.polled_at.is_none_or(gone_for) || renewed.is_none_or(gone_for) {
            self.evidence.clear();
        }
        self.polled_at = Some(now);
        let previous = std::mem::take(&mut self.evidence);
        for (node, heartbeat) in heartbeats.iter().filter(|(node, _)| *node != self.me) {
            let same = previous
                .get(node)
                .filter(|previous| previous.heartbeat == *heartbeat);
            let evidence = Evidence {
                heartbeat: *heartbeat,
                since: same.map_or(now, |previous| previous.since),
                polls: same.map_or(1, |previous| previous.polls.saturating_add(1)),
            };
            self.evidence.insert(*node, evidence);
        }
        let mut dead: Vec<(NodeId, u64)> = self
            .evidence
            .iter()
            .filter(|(_, evidence)| {
                evidence.polls >= POLLS_MIN
                    && now.saturating_duration_since(evidence.since) >= self.ttl
            })
            .map(|(node, evidence)| (*node, evidence.heartbeat))
            .collect();
        dead.sort_unstable();
        dead
    }
}

/// Which nodes `me` watches among the unfenced `nodes`: all others while they are few, else the
/// next [`WATCHED_MAX`] on the ring. A fenced node leaves the ring, so that the next behind it is
/// watched.
///
/// The ring is in the order of hashed ids. Ids begin with the time, and nodes that start together,
/// as on one machine, also die together.
pub fn watched(me: NodeId, nodes: &[NodeId]) -> Vec<NodeId> {
    let ring_key = |node: NodeId| (hash_node(node), node);
    let mut ring: Vec<NodeId> = nodes.iter().copied().filter(|node| *node != me).collect();
    ring.sort_unstable_by_key(|node| ring_key(*node));
    ring.dedup();
    let behind = ring.partition_point(|node| ring_key(*node) < ring_key(me));
    ring.rotate_left(behind);
    ring.truncate(WATCHED_MAX);
    ring
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::membership::lease::TTL;

    fn node(number: u128) -> NodeId {
        NodeId::from_uuid(Uuid::from_u128(number))
    }

    const ME: u128 = 1;
    const SECOND: u64 = 1_000;

    /// An observer of nodes 2 and 3; times are in milliseconds since it began.
    struct Observer {
        detector: FailureDetector,
        began: Instant,
    }

    impl Observer {
        fn new() -> Self {
            Self {
                detector: FailureDetector::new(node(ME), TTL),
                began: Instant::now(),
            }
        }

        /// A poll that read these heartbeats, while this node could also write.
        fn poll(&mut self, at_ms: u64, heartbeats: &[(u128, u64)]) -> Vec<(NodeId, u64)> {
            self.poll_renewed(at_ms, Some(at_ms), heartbeats)
        }

        fn poll_renewed(
            &mut self,
            at_ms: u64,
            renewed_ms: Option<u64>,
            heartbeats: &[(u128, u64)],
        ) -> Vec<(NodeId, u64)> {
            let at = |ms| self.began + Duration::from_millis(ms);
            let heartbeats: Vec<(NodeId, u64)> =
                heartbeats.iter().map(|(id, n)| (node(*id), *n)).collect();
            self.detector
                .observe(at(at_ms), renewed_ms.map(at), &heartbeats)
        }

        /// When node 2 is fenced, with polls at these times and its heartbeat as given; node 3 is
        /// alive and must never be fenced.
        fn fenced_at(
            &mut self,
            polls_ms: impl IntoIterator<Item = u64>,
            heartbeat: impl Fn(u64) -> u64,
        ) -> Option<u64> {
            polls_ms.into_iter().find(|at| {
                let dead = self.poll(*at, &[(2, heartbeat(*at)), (3, at / SECOND)]);
                assert!(
                    dead.is_empty() || dead == [(node(2), heartbeat(*at))],
                    "{dead:?}"
                );
                !dead.is_empty()
            })
        }
    }

    fn each_second(from_s: u64, to_s: u64) -> impl Iterator<Item = u64> {
        (from_s..=to_s).map(|s| s * SECOND)
    }

    #[test]
    fn dead_node_is_detected_within_four_to_six_seconds() {
        for offset_ms in (0..1_000).step_by(50) {
            // Its heartbeats are at 0, 1, ... 10 s, and then none.
            let heartbeat = |at: u64| at.min(10 * SECOND) / SECOND;
            let polls = each_second(0, 30).map(|at| at + offset_ms);
            let found = Observer::new()
                .fenced_at(polls, heartbeat)
                .expect("it is dead");
            let after = found - 10 * SECOND;
            assert!((4 * SECOND..=6 * SECOND).contains(&after), "{after} ms");
        }
    }

    #[test]
    fn slow_node_is_never_fenced() {
        for offset_ms in (0..1_000).step_by(50) {
            let polls = each_second(0, 600).map(|at| at + offset_ms);
            let fenced = Observer::new().fenced_at(polls, |at| at / 3_900);
            assert_eq!(fenced, None, "polls {offset_ms} ms late");
        }
    }

    #[test]
    fn stalled_database_fences_no_node() {
        let mut observer = Observer::new();
        // No poll from 10 s to 20 s, and no heartbeat; the first of nodes 2 and 3 is written a
        // second after the database is back.
        for at in each_second(0, 10).chain(each_second(20, 40)) {
            let heartbeat = match at / SECOND {
                s @ 0..=10 => s,
                s => s.max(21) - 11,
            };
            assert_eq!(
                observer.poll(at, &[(2, heartbeat), (3, heartbeat)]),
                [],
                "{at} ms"
            );
        }
    }

    #[test]
    fn paused_observer_fences_no_node_on_resume() {
        let mut observer = Observer::new();
        // Node 2 has the same heartbeat at 8, 9, 10 s and, after ten seconds without a poll, at 20
        // s: it may be alive or not.
        let heartbeat = |at: u64| at.min(8 * SECOND) / SECOND;
        let polls = each_second(0, 10).chain(each_second(20, 40));
        // Only evidence from after the pause counts.
        assert_eq!(observer.fenced_at(polls, heartbeat), Some(24 * SECOND));
    }

    #[test]
    fn read_only_database_fences_no_node() {
        let mut observer = Observer::new();
        // Polls always succeed; from 10 to 20 s no node's heartbeats do, ours included.
        for at in each_second(0, 40) {
            let renewed = match at / SECOND {
                11..=20 => 10 * SECOND,
                _ => at,
            };
            let heartbeat = renewed / SECOND;
            let dead = observer.poll_renewed(at, Some(renewed), &[(2, heartbeat), (3, heartbeat)]);
            assert_eq!(dead, [], "{at} ms");
        }
        for at in each_second(41, 60) {
            assert_eq!(observer.poll_renewed(at, None, &[(2, 40)]), [], "{at} ms");
        }
    }

    #[test]
    fn one_lost_poll_is_no_gap_and_two_reset_the_evidence() {
        let heartbeat = |at: u64| at.min(10 * SECOND) / SECOND;
        let without = |lost: &'static [u64]| {
            each_second(0, 30).filter(move |at| !lost.contains(&(at / SECOND)))
        };
        let found = |lost| Observer::new().fenced_at(without(lost), heartbeat);
        assert_eq!(found(&[12]), Some(14 * SECOND));
        assert_eq!(found(&[11, 13]), Some(14 * SECOND));
        assert_eq!(found(&[12, 13]), Some(18 * SECOND));
    }

    #[test]
    fn polls_far_apart_are_no_evidence() {
        let mut observer = Observer::new();
        let polls = (0..100).map(|n| n * 2_001);
        assert_eq!(observer.fenced_at(polls, |_| 7), None);
    }

    #[test]
    fn detection_takes_three_polls_for_any_ttl() {
        let mut observer = Observer::new();
        observer.detector = FailureDetector::new(node(ME), Duration::ZERO);
        let dead: Vec<usize> = [0, 0, 0]
            .map(|at| observer.poll(at, &[(2, 7)]).len())
            .into();
        assert_eq!(dead, [0, 0, 1]);
    }

    #[test]
    fn dead_node_is_reported_until_its_heartbeat_grows() {
        let mut observer = Observer::new();
        for at in each_second(0, 3) {
            assert_eq!(observer.poll(at, &[(2, 7)]), []);
        }
        for at in each_second(4, 6) {
            assert_eq!(observer.poll(at, &[(2, 7)]), [(node(2), 7)]);
        }
        assert_eq!(observer.poll(7 * SECOND, &[(2, 8)]), [], "it is alive");
        assert_eq!(observer.poll(8 * SECOND, &[]), [], "it has left");
        assert!(
            observer.detector.evidence.is_empty(),
            "and its evidence is dropped"
        );
        for at in each_second(9, 12) {
            assert_eq!(observer.poll(at, &[(2, 8)]), [], "it is back");
        }
    }

    #[test]
    fn node_never_fences_itself() {
        let mut observer = Observer::new();
        for at in each_second(0, 20) {
            assert_eq!(observer.poll(at, &[(ME, 7)]), []);
        }
    }

    #[test]
    fn each_node_watches_at_most_sixteen_others() {
        for count in [1, 2, 17, 18, 100] {
            let nodes: Vec<NodeId> = (0..count).map(node).collect();
            let mut watchers: HashMap<NodeId, usize> = HashMap::new();
            for me in &nodes {
                let watched = watched(*me, &nodes);
                assert_eq!(watched.len(), WATCHED_MAX.min(nodes.len() - 1));
                assert!(!watched.contains(me));
                for other in watched {
                    *watchers.entry(other).or_default() += 1;
                }
            }
            let each = WATCHED_MAX.min(nodes.len() - 1);
            assert!(watchers.values().all(|watchers| *watchers == each));
            assert_eq!(watchers.len(), if count > 1 { nodes.len() } else { 0 });
        }
    }

    #[test]
    fn fenced_node_is_replaced_by_the_next_on_the_ring() {
        let mut nodes: Vec<NodeId> = (0..100).map(node).collect();
        let me = node(ME);
        let first = watched(me, &nodes);
        nodes.retain(|node| *node != first[3]);
        let second = watched(me, &nodes);
        assert_eq!(second[..3], first[..3]);
        assert_eq!(second[3..15], first[4..]);
        assert!(!first.contains(&second[15]));
        // A node that is not in the table, or not yet, watches the same.
        nodes.retain(|node| *node != me);
        assert_eq!(watched(me, &nodes), second);
    }
}
