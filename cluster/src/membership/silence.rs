//! Peers that are silent while their heartbeat goes on. They may serve others, and they may hold a
//! lease: so nobody fences them. But operators must know of them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use fritzy_types::{NodeId, NodeRecord};
use tracing::{info, warn};

/// A peer without a connection for so long is reported: joining, dialing again and a restart of the
/// network take less.
const REPORTED_AFTER: Duration = Duration::from_secs(10);

/// A node that is alive by its heartbeat, and with which there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilentPeer {
    /// The id of its incarnation.
    pub node: NodeId,
    /// For how long there has been no connection.
    pub since: Duration,
}

/// Since when each peer has had no connection.
#[derive(Debug, Default)]
pub(crate) struct Silence(HashMap<NodeId, Missing>);

#[derive(Debug)]
struct Missing {
    since: Instant,
    is_reported: bool,
}

impl Silence {
    /// Notes which of the live nodes are connected. Logs those that become silent, and those that
    /// come back.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        live: &[&NodeRecord],
        is_connected: impl Fn(NodeId) -> bool,
    ) {
        // A node that was fenced or has left is not silent.
        self.0
            .retain(|node, _| live.iter().any(|record| record.node.id == *node));
        for record in live {
            let (node, name) = (record.node.id, &record.node.name);
            if is_connected(node) {
                if self
                    .0
                    .remove(&node)
                    .is_some_and(|missing| missing.is_reported)
                {
                    info!(%node, name, "a silent node is connected again");
                }
                continue;
            }
            let missing = self.0.entry(node).or_insert(Missing {
                since: now,
                is_reported: false,
            });
            if !missing.is_reported && now.duration_since(missing.since) >= REPORTED_AFTER {
                missing.is_reported = true;
                warn!(%node, name, "a node is silent while its heartbeat goes on: it keeps its shards, and this node does not reach them");
            }
        }
    }

    /// The peers that were reported and are still silent.
    pub(crate) fn reported(&self, now: Instant) -> Vec<SilentPeer> {
        let reported = self.0.iter().filter(|(_, missing)| missing.is_reported);
        let mut reported: Vec<SilentPeer> = reported
            .map(|(node, missing)| SilentPeer {
                node: *node,
                since: now.duration_since(missing.since),
            })
            .collect();
        reported.sort_unstable_by_key(|peer| peer.node);
        reported
    }
}

#[cfg(test)]
mod tests {
    use fritzy_types::{NewNode, Roles};
    use uuid::Uuid;

    use super::*;

    fn record(number: u128) -> NodeRecord {
        NodeRecord {
            node: NewNode {
                id: NodeId::from_uuid(Uuid::from_u128(number)),
                name: format!("n{number}"),
                address: Some("there".to_owned()),
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

    #[test]
    fn unconnected_live_node_is_reported_after_ten_seconds() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let (one, two) = (record(1), record(2));
        let mut silence = Silence::default();
        let connected = |node| move |other: NodeId| other == node;
        for second in 0..10 {
            silence.observe(at(second), &[&one, &two], connected(two.node.id));
            assert_eq!(silence.reported(at(second)), [], "{second}");
        }
        silence.observe(at(10), &[&one, &two], connected(two.node.id));
        let expected = SilentPeer {
            node: one.node.id,
            since: Duration::from_secs(12),
        };
        assert_eq!(silence.reported(at(12)), [expected]);
        // Fenced, or connected again.
        silence.observe(at(13), &[&two], connected(two.node.id));
        assert_eq!(silence.reported(at(13)), []);
        silence.observe(at(14), &[&one, &two], |_| true);
        assert_eq!(silence.reported(at(14)), []);
    }
}
