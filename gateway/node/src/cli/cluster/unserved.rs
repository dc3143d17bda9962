//! Whether every shard of a cluster is served, by its status.

use super::table::named;
use crate::admin::{ClusterView, NodeView};

/// Says which shards are not served, as the called node sees it, in one line; `None` when all are.
///
/// A shard that is being handed off is served: its requests wait for milliseconds.
pub(super) fn unserved(view: &ClusterView) -> Option<String> {
    let (asked, all) = (&view.asked, view.shards.count);
    let mut reasons = Vec::new();
    if let Some(failure) = &asked.tables_failure {
        reasons.push(format!(
            "the tables of nodes and shards cannot be read, so nothing is known about the shards now: {failure}"
        ));
    }
    let unowned = &view.shards.unowned;
    if unowned.count > 0 {
        let (count, first) = (unowned.count, named(unowned));
        reasons.push(format!("{count} of {all} shards have no owner: {first}"));
    }
    for node in view.nodes.iter().filter(|node| node.shards > 0) {
        let NodeView { name, shards, .. } = node;
        if node.asked && asked.lease_ms.is_none() {
            reasons.push(format!(
                "{name} does not serve its {shards} of {all} shards: its lease has lapsed"
            ));
        }
        if !node.asked && !node.connected {
            let caller = &asked.name;
            reasons.push(format!(
                "{name} owns {shards} of {all} shards, and {caller} has no connection to it"
            ));
        }
    }
    // The table may name an owner that the called node does not know of yet.
    let nowhere = asked.nowhere.count.saturating_sub(asked.moving.count);
    if nowhere > unowned.count {
        let (name, first) = (&asked.name, named(&asked.nowhere));
        reasons.push(format!(
            "{name} knows no owner of {nowhere} of {all} shards: {first}"
        ));
    }
    (!reasons.is_empty()).then(|| format!("not all shards are served: {}", reasons.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{CalledNodeView, ShardList, ShardsView};

    fn node(name: &str, shards: usize) -> NodeView {
        NodeView {
            name: name.to_owned(),
            shards,
            connected: true,
            ..NodeView::default()
        }
    }

    /// Two nodes that serve all of 8 shards; the first is called.
    fn serving() -> ClusterView {
        ClusterView {
            asked: CalledNodeView {
                name: "one".to_owned(),
                lease_ms: Some(2_900),
                ..CalledNodeView::default()
            },
            shards: ShardsView {
                count: 8,
                unowned: ShardList::default(),
            },
            nodes: vec![
                NodeView {
                    asked: true,
                    connected: false,
                    ..node("one", 4)
                },
                node("two", 4),
            ],
            gone: Vec::new(),
            generation: None,
        }
    }

    #[test]
    fn shards_with_connected_live_owners_are_served() {
        assert_eq!(unserved(&serving()), None);
        let mut moving = serving();
        moving.asked.moving = ShardList::of([1]);
        moving.asked.nowhere = ShardList::of([1]);
        assert_eq!(unserved(&moving), None);
        let mut idle = serving();
        idle.nodes[1].connected = false;
        idle.nodes[1].shards = 0;
        assert_eq!(unserved(&idle), None, "a lost node without shards");
    }

    #[test]
    fn unserved_shards_are_counted_with_the_reason() {
        type Fault = fn(&mut ClusterView);
        let faults: [(Fault, &str); 5] = [
            (
                |view| view.shards.unowned = ShardList::of([3, 4]),
                "2 of 8 shards have no owner: 3, 4",
            ),
            (
                |view| view.nodes[1].connected = false,
                "two owns 4 of 8 shards, and one has no connection to it",
            ),
            (
                |view| view.asked.lease_ms = None,
                "one does not serve its 4 of 8 shards: its lease has lapsed",
            ),
            (
                |view| view.asked.nowhere = ShardList::of([7]),
                "one knows no owner of 1 of 8 shards: 7",
            ),
            (
                |view| view.asked.tables_failure = Some("no response".to_owned()),
                "cannot be read, so nothing is known about the shards now: no response",
            ),
        ];
        for (fault, named) in faults {
            let mut view = serving();
            fault(&mut view);
            let line = unserved(&view).expect(named);
            assert!(line.contains(named), "{line}");
            assert_eq!(line.matches(';').count(), 0, "one reason: {line}");
        }
    }
}
