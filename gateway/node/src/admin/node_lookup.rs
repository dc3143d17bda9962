//! Finds the node that an operator names.

use fritzy_types::NodeRecord;

/// Why a text does not identify one node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NodeLookupError {
    /// No node has the name or the id.
    #[error("there is no node {wanted}; known nodes are {}", .known.join(", "))]
    Unknown {
        /// The name, id or prefix given by the operator.
        wanted: String,
        /// The names of all nodes.
        known: Vec<String>,
    },
    /// Several ids begin with it.
    #[error("{wanted} may be {}: give the name, or more of the id", .candidates.join(" or "))]
    Ambiguous {
        /// The prefix of an id given by the operator.
        wanted: String,
        /// The names of the nodes whose ids begin with it.
        candidates: Vec<String>,
    },
}

/// The node with this name or id, or the only one whose id has this prefix. Fenced nodes are
/// excluded: they are dead, and another node may have their name.
///
/// # Errors
/// [`NodeLookupError`] when there is no such node, or several.
pub(super) fn find<'n>(
    nodes: &'n [NodeRecord],
    wanted: &str,
) -> Result<&'n NodeRecord, NodeLookupError> {
    let live = || nodes.iter().filter(|record| !record.fenced);
    if let Some(named) = live().find(|record| record.node.name == wanted) {
        return Ok(named);
    }
    let prefix = wanted.to_ascii_lowercase();
    let has_id = |record: &&NodeRecord| {
        !prefix.is_empty() && record.node.id.to_string().starts_with(&prefix)
    };
    let candidates: Vec<&NodeRecord> = live().filter(has_id).collect();
    let names = |records: &mut dyn Iterator<Item = &NodeRecord>| {
        records.map(|record| record.node.name.clone()).collect()
    };
    let wanted = wanted.to_owned();
    match candidates.as_slice() {
        [only] => Ok(only),
        [] => Err(NodeLookupError::Unknown {
            wanted,
            known: names(&mut live()),
        }),
        several => Err(NodeLookupError::Ambiguous {
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
            heartbeat: 0,
            fenced,
            draining: false,
        }
    }

    #[test]
    fn node_is_found_by_name_id_or_unique_id_prefix() {
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
            // A name takes precedence over a prefix of an id.
            ("0192aa", Ok("0192cccc")),
            ("0192a", Err("0192a may be one or two")),
            (
                "three",
                Err("no node three; known nodes are one, two, 0192aa"),
            ),
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
