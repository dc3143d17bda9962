//! Limits on a parsed document, checked before it is validated: fragments let a small text expand
//! to millions of fields.

use std::collections::HashMap;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};

use super::lexical_limits::NESTING_MAX;

/// Fields of an operation with its fragments expanded. Introspection queries of tools have some
/// 500.
const FIELDS_MAX: u64 = 4_000;
/// Fields at the root: each may be a full list.
const ROOT_FIELDS_MAX: u64 = 200;
/// Fragments of a document, spread or not: validation recurses from one to the next. The largest
/// clients in practice have some hundred.
const FRAGMENTS_MAX: usize = 500;

/// A message for the client when the document is beyond a limit.
pub(super) fn exceeded_limit(document: &ExecutableDocument) -> Option<String> {
    if document.fragments.len() > FRAGMENTS_MAX {
        return Some(format!(
            "a document has more than {FRAGMENTS_MAX} fragments"
        ));
    }
    let mut counter = FieldCounter {
        document,
        fragments: HashMap::new(),
        depth: 0,
        too_deep: false,
    };
    for (_, operation) in document.operations.iter() {
        let set = &operation.node.selection_set.node;
        let (at_root, in_all) = (counter.fields(set, false), counter.fields(set, true));
        if counter.too_deep {
            return Some(format!(
                "an operation is nested deeper than {NESTING_MAX} with its fragments expanded"
            ));
        }
        if at_root > ROOT_FIELDS_MAX {
            return Some(format!(
                "an operation has more than {ROOT_FIELDS_MAX} fields at its root"
            ));
        }
        if in_all > FIELDS_MAX {
            return Some(format!(
                "an operation has more than {FIELDS_MAX} fields with its fragments expanded"
            ));
        }
    }
    None
}

/// Counts each fragment once, however often it is spread.
struct FieldCounter<'d> {
    document: &'d ExecutableDocument,
    /// By name and whether nested fields count. `None` while the fragment is being counted: reading
    /// it then means a cycle, which validation rejects.
    fragments: HashMap<(&'d str, bool), Option<u64>>,
    /// Selections around the one being counted, and whether there were too many to descend further.
    depth: usize,
    too_deep: bool,
}

impl<'d> FieldCounter<'d> {
    fn fields(&mut self, set: &'d SelectionSet, inner: bool) -> u64 {
        if self.depth > NESTING_MAX {
            self.too_deep = true;
            return 0;
        }
        self.depth += 1;
        let fields = set.items.iter().fold(0, |sum: u64, item| {
            sum.saturating_add(match &item.node {
                Selection::Field(field) if inner => self
                    .fields(&field.node.selection_set.node, true)
                    .saturating_add(1),
                Selection::Field(_) => 1,
                Selection::InlineFragment(fragment) => {
                    self.fields(&fragment.node.selection_set.node, inner)
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(spread.node.fragment_name.node.as_str(), inner)
                }
            })
        });
        self.depth -= 1;
        fields
    }

    fn fragment(&mut self, name: &'d str, inner: bool) -> u64 {
        if let Some(known) = self.fragments.get(&(name, inner)) {
            return known.unwrap_or(0);
        }
        let Some(fragment) = self.document.fragments.get(name) else {
            return 0;
        };
        self.fragments.insert((name, inner), None);
        let fields = self.fields(&fragment.node.selection_set.node, inner);
        self.fragments.insert((name, inner), Some(fields));
        fields
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn excess_of(text: &str) -> Option<String> {
        exceeded_limit(&parse_query(text).expect("parses"))
    }

    /// Fragments that each spread the next one, `nested` selections deeper.
    fn chain(fragments: usize, nested: usize, root: &str) -> String {
        let links = (0..fragments).map(|n| {
            let (open, close) = ("{ a ".repeat(nested), "}".repeat(nested));
            format!("fragment F{n} on Query {open} {{ ...F{} }} {close} ", n + 1)
        });
        let links: String = links.collect();
        format!("{root} {links} fragment F{fragments} on Query {{ a }}")
    }

    #[test]
    fn long_chain_of_fragments_is_refused() {
        assert_eq!(excess_of(&chain(20, 0, "{ ...F0 }")), None);
        assert!(excess_of(&chain(100, 0, "{ ...F0 }")).is_some());
        assert!(excess_of(&chain(400, 50, "{ ...F0 }")).is_some());
        for root in ["{ ...F0 }", "{ a }"] {
            assert!(excess_of(&chain(25_000, 0, root)).is_some());
        }
    }

    #[test]
    fn small_document_expanding_to_a_large_one_is_refused() {
        let bomb = |levels: usize| {
            let mut text = String::from("{ ...F0 }");
            for level in 0..levels {
                let next = level + 1;
                text += &format!(" fragment F{level} on Query {{ ...F{next} ...F{next} }}");
            }
            text + &format!(" fragment F{levels} on Query {{ accounts {{ id }} }}")
        };
        assert_eq!(excess_of(&bomb(6)), None);
        assert!(excess_of(&bomb(12)).is_some());
        assert!(excess_of(&bomb(26)).is_some());
        let aliases: String = (0..10_000)
            .map(|n| format!("a{n}: accounts {{ id }} "))
            .collect();
        assert!(excess_of(&format!("{{ {aliases} }}")).is_some());
        assert_eq!(
            excess_of("{ ...F } fragment F on Query { ...F }"),
            None,
            "left to validation"
        );
    }
}
