//! Responses of the admin API as tables and lines of text.

use std::fmt::Write;

use super::generation::generation;
use crate::admin::{
    CalledNodeView, ClusterView, DeadNodeView, EntityView, NodeName, NodeView, ObservedOwner,
    ShardList, ShardView,
};

/// Dead incarnations shown at most: a node in a crash loop would fill the screen.
const GONE_SHOWN: usize = 5;
/// The space between two columns.
const GAP: &str = "  ";
/// The columns, and whether each holds numbers, which are aligned to the right.
const COLUMNS: [(&str, bool); 10] = [
    ("NODE", false),
    ("ADDRESS", false),
    ("ROLES", false),
    ("VERSION", false),
    ("WIRE", false),
    ("SHARDS", true),
    ("STATE", false),
    ("HEARTBEAT", true),
    ("ROUND TRIP", true),
    ("SILENT", true),
];

/// The status of the cluster.
pub(super) fn cluster(view: &ClusterView) -> String {
    let heads = COLUMNS.map(|(head, _)| head.to_owned());
    let rows: Vec<_> = std::iter::once(heads)
        .chain(view.nodes.iter().map(row))
        .collect();
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|column| {
            let texts = rows.iter().map(|row| row[column].chars().count());
            texts.max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for ((cell, width), (_, is_number)) in row.iter().zip(&widths).zip(COLUMNS) {
            let written = if is_number {
                write!(line, "{cell:>width$}{GAP}")
            } else {
                write!(line, "{cell:<width$}{GAP}")
            };
            written.expect("writing to a string does not fail");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let count = view.shards.count;
    let unowned = match view.shards.unowned.count {
        0 => "all owned".to_owned(),
        some => format!("{some} without an owner: {}", named(&view.shards.unowned)),
    };
    text.push_str(&format!("{count} shards, {unowned}\n"));
    text.push_str(&asked(&view.asked));
    text.push_str(&gone(view));
    text.push_str(&generation(view.generation.as_ref()));
    text
}

/// Incarnations declared dead: a line for each of the latest.
fn gone(view: &ClusterView) -> String {
    let mut text = String::new();
    for gone in view.gone.iter().take(GONE_SHOWN) {
        let DeadNodeView { name, id, .. } = gone;
        let came_back = view.nodes.iter().any(|node| node.name == *name);
        let earlier = if came_back {
            "an earlier incarnation of "
        } else {
            ""
        };
        let ago = gone.fenced_ms_ago.map(|ms| format!(" {} ago", seconds(ms)));
        let ago = ago.unwrap_or_default();
        let left = match gone.shards {
            0 => String::new(),
            left => format!("; {left} of its shards are not acquired yet"),
        };
        text.push_str(&format!(
            "gone: {earlier}{name} ({id}), declared dead{ago}{left}\n"
        ));
    }
    let more = view.gone.len().saturating_sub(GONE_SHOWN);
    if more > 0 {
        text.push_str(&format!("gone: {more} earlier ones\n"));
    }
    text
}

fn row(node: &NodeView) -> [String; COLUMNS.len()] {
    let none = || "-".to_owned();
    let wire = match (node.wire_min, node.wire_max) {
        (min, max) if min == max => min.to_string(),
        (min, max) => format!("{min}-{max}"),
    };
    let trip = node
        .round_trip_us
        .map(|us| format!("{:.1} ms", us as f64 / 1e3));
    [
        node.name.clone(),
        node.address.clone().unwrap_or_else(none),
        node.roles.join(","),
        node.program.clone(),
        wire,
        node.shards.to_string(),
        state(node).to_owned(),
        node.beat.to_string(),
        trip.unwrap_or_else(none),
        node.silent_ms.map(seconds).unwrap_or_else(none),
    ]
}

const fn state(node: &NodeView) -> &'static str {
    match node {
        NodeView {
            unreached_ms: Some(_),
            ..
        } => "silent, heartbeat goes on",
        NodeView {
            asked: false,
            connected: false,
            ..
        } => "no connection",
        NodeView {
            draining: true,
            shards: 0,
            ..
        } => "drained",
        NodeView { draining: true, .. } => "draining",
        _ => "ok",
    }
}

/// The state of the called node.
fn asked(asked: &CalledNodeView) -> String {
    let name = &asked.name;
    let lease = match asked.lease_ms {
        Some(left) => format!("its lease is valid for {}", seconds(left)),
        None => "its lease has lapsed: it serves nothing from memory".to_owned(),
    };
    let looked = match asked.looked_ms_ago {
        Some(ago) => format!("it polled the tables {} ago", seconds(ago)),
        None => "it has not polled the tables yet".to_owned(),
    };
    let member = match asked.id {
        Some(_) => String::new(),
        None => ", currently not a member".to_owned(),
    };
    let running = asked.running;
    let mut text =
        format!("called node {name}{member}: {running} shards run there; {lease}; {looked}\n");
    if let Some(failure) = &asked.tables_failure {
        text.push_str(&format!(
            "  the tables cannot be read: {failure}. The above is its last poll\n"
        ));
    }
    if asked.moving.count > 0 {
        let (count, moving) = (asked.moving.count, named(&asked.moving));
        text.push_str(&format!("  it is handing off {count} shards: {moving}\n"));
    }
    if asked.nowhere.count > 0 {
        let (count, nowhere) = (asked.nowhere.count, named(&asked.nowhere));
        text.push_str(&format!(
            "  requests to {count} shards wait there, because it knows no owner of them: {nowhere}\n"
        ));
    }
    text
}

/// A shard, or the shard of an entity.
pub(super) fn shard(view: &ShardView) -> String {
    let mut text = String::new();
    if let Some(found) = &view.entity {
        text.push_str(&entity(found));
    }
    let epoch = view.epoch;
    let owner = match &view.owner {
        None => "has no owner".to_owned(),
        Some(owner) if view.owner_lives => {
            format!("is owned by {} ({})", owner.shown(), owner.id)
        }
        Some(owner) => format!(
            "was owned by {} ({}), which is dead",
            owner.shown(),
            owner.id
        ),
    };
    text.push_str(&format!("shard {} {owner}, epoch {epoch}\n", view.shard));
    let seen = &view.seen;
    let place = match seen.place {
        ObservedOwner::Here => "it is local".to_owned(),
        ObservedOwner::Elsewhere => {
            let node = seen.node.as_ref().map_or("another node", NodeName::shown);
            format!("it is on {node}")
        }
        ObservedOwner::Nowhere if seen.moving => "it is being handed off; requests wait".to_owned(),
        ObservedOwner::Nowhere => "it has no known owner; requests wait".to_owned(),
    };
    text.push_str(&format!(
        "seen by {}: {place}, epoch {}\n",
        seen.by, seen.epoch
    ));
    let belongs = match &view.belongs {
        Some(node) => format!("belongs on {}", node.shown()),
        None => "belongs nowhere: no node can own shards".to_owned(),
    };
    let prefers: Vec<&str> = view.prefers.iter().map(NodeName::shown).collect();
    let prefers = match prefers.as_slice() {
        [] => String::new(),
        some => format!("; prefers, regardless of capacity, {}", some.join(", ")),
    };
    text.push_str(&format!("{belongs}{prefers}\n"));
    text
}

fn entity(entity: &EntityView) -> String {
    let EntityView { id, slot, .. } = entity;
    match entity.exists {
        Some(true) => {
            let kind = entity.kind.as_deref().unwrap_or("something");
            format!("{id}: {kind}, slot {slot}\n")
        }
        Some(false) => format!("{id}: nothing has this id; it would be in slot {slot}\n"),
        None => {
            let why = entity.journal_failure.as_deref().unwrap_or("not looked up");
            format!("{id}: slot {slot}; whether anything has this id is unknown: {why}\n")
        }
    }
}

/// The first shards of a list.
pub(super) fn named(list: &ShardList) -> String {
    let first: Vec<String> = list.first.iter().map(u16::to_string).collect();
    let rest = if list.count > first.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{rest}", first.join(", "))
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::{ObservedShardView, ShardsView};

    fn node(name: &str, shards: usize) -> NodeView {
        NodeView {
            name: name.to_owned(),
            address: Some(format!("{name}:7000")),
            roles: vec!["gateway".to_owned(), "entities".to_owned()],
            program: "0.1.0".to_owned(),
            wire_min: 1,
            wire_max: 1,
            shards,
            beat: 17,
            connected: true,
            round_trip_us: Some(420),
            silent_ms: Some(310),
            ..NodeView::default()
        }
    }

    fn name(name: &str) -> NodeName {
        NodeName {
            name: Some(name.to_owned()),
            id: format!("id of {name}"),
        }
    }

    #[test]
    fn table_shows_nodes_shards_and_dead_incarnations() {
        let asked = NodeView {
            asked: true,
            connected: false,
            round_trip_us: None,
            silent_ms: None,
            ..node("one", 600)
        };
        let draining = NodeView {
            draining: true,
            wire_max: 2,
            ..node("node-two", 4)
        };
        let drained = NodeView {
            draining: true,
            ..node("three", 0)
        };
        let lost = NodeView {
            connected: false,
            ..node("four", 0)
        };
        let gone = |name: &str, fenced_ms_ago, shards| DeadNodeView {
            name: name.to_owned(),
            id: format!("id of {name}"),
            address: None,
            shards,
            fenced_ms_ago,
        };
        let died = (0..5).map(|run| gone("five", Some(20_000 + run), 0));
        let came_back = gone("three", Some(312_400), 0);
        let view = ClusterView {
            asked: CalledNodeView {
                name: "one".to_owned(),
                id: Some("1".to_owned()),
                lease_ms: Some(2_940),
                looked_ms_ago: Some(310),
                running: 600,
                moving: ShardList::of([7]),
                ..CalledNodeView::default()
            },
            shards: ShardsView {
                count: 1_024,
                unowned: ShardList::of(0..420),
            },
            nodes: vec![asked, draining, drained, lost],
            gone: vec![gone("five", None, 3), came_back],
            generation: None,
        };
        let expected = "\
NODE      ADDRESS        ROLES             VERSION  WIRE  SHARDS  STATE          HEARTBEAT  ROUND TRIP  SILENT
one       one:7000       gateway,entities  0.1.0    1        600  ok                    17           -       -
node-two  node-two:7000  gateway,entities  0.1.0    1-2        4  draining              17      0.4 ms   0.3 s
three     three:7000     gateway,entities  0.1.0    1          0  drained               17      0.4 ms   0.3 s
four      four:7000      gateway,entities  0.1.0    1          0  no connection         17      0.4 ms   0.3 s
1024 shards, 420 without an owner: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, …
called node one: 600 shards run there; its lease is valid for 2.9 s; it polled the tables 0.3 s ago
  it is handing off 1 shards: 7
gone: five (id of five), declared dead; 3 of its shards are not acquired yet
gone: an earlier incarnation of three (id of three), declared dead 312.4 s ago
";
        assert_eq!(cluster(&view), expected);
        let gone = view.gone.into_iter().chain(died).collect();
        let text = cluster(&ClusterView { gone, ..view });
        assert!(
            text.ends_with("declared dead 20.0 s ago\ngone: 2 earlier ones\n"),
            "{text}"
        );
    }

    #[test]
    fn isolated_node_is_reported() {
        let view = ClusterView {
            asked: CalledNodeView {
                name: "one".to_owned(),
                tables_failure: Some("no response within 3s".to_owned()),
                nowhere: ShardList::of([3, 4]),
                ..CalledNodeView::default()
            },
            shards: ShardsView::default(),
            nodes: Vec::new(),
            gone: Vec::new(),
            generation: None,
        };
        let text = cluster(&view);
        for part in [
            "called node one, currently not a member",
            "lease has lapsed",
            "the tables cannot be read: no response within 3s",
            "requests to 2 shards wait there, because it knows no owner of them: 3, 4\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn shard_is_shown_with_owner_and_preferred_nodes() {
        let view = ShardView {
            entity: Some(EntityView {
                id: "0192aaaa".to_owned(),
                slot: 1_031,
                exists: Some(true),
                kind: Some("order".to_owned()),
                journal_failure: None,
            }),
            shard: 7,
            owner: Some(name("two")),
            owner_lives: true,
            epoch: 3,
            seen: ObservedShardView {
                by: "one".to_owned(),
                place: ObservedOwner::Elsewhere,
                node: Some(name("two")),
                epoch: 3,
                moving: false,
            },
            belongs: Some(name("one")),
            prefers: vec![name("one"), name("two")],
        };
        let expected = "\
0192aaaa: order, slot 1031
shard 7 is owned by two (id of two), epoch 3
seen by one: it is on two, epoch 3
belongs on one; prefers, regardless of capacity, one, two
";
        assert_eq!(shard(&view), expected);
        let found = view.entity.clone().expect("given");
        for (exists, expected) in [
            (
                Some(false),
                "0192aaaa: nothing has this id; it would be in slot 1031\nshard 7 is",
            ),
            (
                None,
                "0192aaaa: slot 1031; whether anything has this id is unknown: no response\nshard 7 is",
            ),
        ] {
            let entity = Some(EntityView {
                exists,
                kind: None,
                journal_failure: Some("no response".to_owned()),
                ..found.clone()
            });
            let text = shard(&ShardView {
                entity,
                ..view.clone()
            });
            assert!(text.starts_with(expected), "{text}");
        }
        let gone = ShardView {
            entity: None,
            owner_lives: false,
            belongs: None,
            prefers: Vec::new(),
            ..view
        };
        let text = shard(&gone);
        assert!(text.contains("was owned by two (id of two), which is dead"));
        assert!(text.contains("belongs nowhere: no node can own shards\n"));
    }
}
