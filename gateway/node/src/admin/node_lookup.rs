//! Which node is meant by what an operator writes.

use fritzy_types::NodeRecord;

/// Why no node is meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotNamed {
    /// None has the name or the id.
    #[error("there is no node {wanted}; there are {}", .known.join(", "))]
    Unknown {
        /// What was written.
        wanted: String,
        /// The names of those that there are.
        known: Vec<String>,
    },
    /// Several ids begin so.
    #[error("{wanted} may be {}: give the name, or more of the id", .candidates.join(" or "))]
    Ambiguous {
        /// What was written.
        wanted: String,
        /// The names of those whose ids begin so.
        candidates: Vec<String>,
    },
}

/// The node with this name, or whose id this is or begins with this. One that was fenced is over: its name may be another
/// node's by now, and nothing can be asked of it.
pub(super) fn find<'n>(nodes: &'n [NodeRecord], wanted: &str) -> Result<&'n NodeRecord, NotNamed> {
    let standing = || nodes.iter().filter(|record| !record.fenced);
    if let Some(named) = standing().find(|record| record.node.name == wanted) {
        return Ok(named);
    }
    let begins = wanted.to_ascii_lowercase();
    let has_id = |record: &&NodeRecord| {
        !begins.is_empty() && record.node.id.to_string().starts_with(&begins)
    };
    let candidates: Vec<&NodeRecord> = standing().filter(has_id).collect();
    let names = |records: &mut dyn Iterator<Item = &NodeRecord>| {
        records.map(|record| record.node.name.clone()).collect()
    };
    let wanted = wanted.to_owned();
    match candidates.as_slice() {
        [only] => Ok(only),
        [] => Err(NotNamed::Unknown {
            wanted,
            known: names(&mut standing()),
        }),
        several => Err(NotNamed::Ambiguous {
            wanted,
            candidates: names(&mut several.iter().copied()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use fritzy_types::{NewNode, NodeId, Roles};
    use uuid::Uuid;

    use super::*;

    fn record(name: &str, id: &str, fenced: bool) -> NodeRecord {
        NodeRecord {
            node: NewNode {
                id: NodeId::from_uuid(id.parse::<Uuid>().expect("an id")),
                name: name.to_owned(),
                address: None,
                roles: Roles::ALL,
                program: String::new(),
                wire_min: 1,
                wire_max: 1,
            },
            beat: 0,
            fenced,
            draining: false,
        }
    }

    #[test]
    fn a_node_is_meant_by_its_name_its_id_or_what_only_its_id_begins_with() {
        let nodes = [
            record("one", "0192aaaa-0000-7000-8000-000000000001", false),
            record("two", "0192aabb-0000-7000-8000-000000000002", false),
            record("0192aa", "0192cccc-0000-7000-8000-000000000003", false),
            record("two", "0192dddd-0000-7000-8000-000000000004", true),
        ];
        for (wanted, found) in [
            ("one", Ok("0192aaaa")),
            ("two", Ok("0192aabb")),
            ("0192aaaa-0000-7000-8000-000000000001", Ok("0192aaaa")),
            ("0192AABB", Ok("0192aabb")),
            // A name is meant before an id.
            ("0192aa", Ok("0192cccc")),
            ("0192a", Err("0192a may be one or two")),
            ("three", Err("no node three; there are one, two, 0192aa")),
            ("0192dddd", Err("no node 0192dddd")),
            ("on", Err("no node on")),
            ("", Err("no node ;")),
        ] {
            match (find(&nodes, wanted), found) {
                (Ok(record), Ok(id)) => {
                    assert!(record.node.id.to_string().starts_with(id), "{wanted}");
                }
                (Err(refused), Err(named)) => {
                    assert!(refused.to_string().contains(named), "{refused}");
                }
                (found, expected) => panic!("{wanted}: {found:?}, not {expected:?}"),
            }
        }
    }
}
