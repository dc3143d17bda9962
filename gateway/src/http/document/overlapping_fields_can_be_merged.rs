//! The rule "Field Selection Merging": fields with the same response name must be the same field
//! with the same arguments. The library checks it only where none of them is in a fragment.
//!
//! The schema has neither interfaces nor unions, so fields with one response name have one parent
//! type, and only their names and arguments can differ.

use std::collections::{BTreeMap, HashSet};

use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Positioned, ServerError};

/// Selections visited at most. An operation has no more with its fragments expanded, unless
/// fragments spread themselves, which validation rejects.
const VISITS_MAX: usize = 8_000;

/// Objects within objects at most: [`super::document_limits`] has rejected deeper ones, unless
/// fragments spread themselves.
const DEPTH_MAX: usize = 64;

type Fields<'d> = BTreeMap<&'d str, Vec<&'d Positioned<Field>>>;

/// The first pair of fields that cannot be merged. The limits of the document have been checked.
pub(super) fn conflicting_fields(document: &ExecutableDocument) -> Option<ServerError> {
    document.operations.iter().find_map(|(_, operation)| {
        let mut visits_left = VISITS_MAX;
        let set = &operation.node.selection_set.node;
        FieldMerger {
            document,
            visits_left: &mut visits_left,
        }
        .conflict(&[set], DEPTH_MAX)
    })
}

/// Compares the fields of one operation.
struct FieldMerger<'d, 'l> {
    document: &'d ExecutableDocument,
    visits_left: &'l mut usize,
}

impl<'d> FieldMerger<'d, '_> {
    /// A conflict among the fields that `sets` select of one object, or inside one of them.
    fn conflict(&mut self, sets: &[&'d SelectionSet], depth_left: usize) -> Option<ServerError> {
        let depth_left = depth_left.checked_sub(1)?;
        let mut fields = Fields::new();
        let mut spread = HashSet::new();
        for set in sets {
            self.collect(set, &mut fields, &mut spread);
        }
        for (name, fields) in fields {
            let (first, others) = fields.split_first()?;
            if let Some(other) = others
                .iter()
                .find(|other| !is_same(&first.node, &other.node))
            {
                let message = format!(
                    "Fields \"{name}\" conflict: they are different fields, or have different arguments. \
                     Give one of them another alias."
                );
                return Some(ServerError::new(message, Some(other.pos)));
            }
            let nested: Vec<&SelectionSet> = fields
                .iter()
                .map(|field| &field.node.selection_set.node)
                .filter(|set| !set.items.is_empty())
                .collect();
            if !nested.is_empty()
                && let Some(conflict) = self.conflict(&nested, depth_left)
            {
                return Some(conflict);
            }
        }
        None
    }

    /// Collects fields by response name. A fragment adds nothing when it is spread again.
    fn collect(
        &mut self,
        set: &'d SelectionSet,
        fields: &mut Fields<'d>,
        spread: &mut HashSet<&'d str>,
    ) {
        for item in &set.items {
            if *self.visits_left == 0 {
                return;
            }
            *self.visits_left -= 1;
            match &item.node {
                Selection::Field(field) => {
                    let name = field.node.response_key().node.as_str();
                    fields.entry(name).or_default().push(field);
                }
                Selection::InlineFragment(fragment) => {
                    self.collect(&fragment.node.selection_set.node, fields, spread);
                }
                Selection::FragmentSpread(named) => {
                    let name = &named.node.fragment_name.node;
                    if spread.insert(name.as_str())
                        && let Some(fragment) = self.document.fragments.get(name)
                    {
                        self.collect(&fragment.node.selection_set.node, fields, spread);
                    }
                }
            }
        }
    }
}

/// Whether two fields have the same name and the same arguments, in any order.
fn is_same(one: &Field, other: &Field) -> bool {
    one.name.node == other.name.node
        && one.arguments.len() == other.arguments.len()
        && one.arguments.iter().all(|(name, value)| {
            let same = other
                .arguments
                .iter()
                .find(|(other, _)| other.node == name.node);
            same.is_some_and(|(_, other)| other.node == value.node)
        })
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn conflict(text: &str) -> Option<String> {
        let document = parse_query(text).expect("parses");
        conflicting_fields(&document).map(|error| error.message)
    }

    #[test]
    fn equal_fields_are_merged() {
        for text in [
            "{ a { b } a { c } ...F } fragment F on Query { a { b } }",
            "{ a(x: 1, y: 2) ...F ...F } fragment F on Query { a(y: 2, x: 1) }",
            "{ one: a(x: 1) two: a(x: 2) }",
            "{ a { x: b } c { x: d } }",
            "query Q($v: Int) { a(x: $v) ... { a(x: $v) } }",
        ] {
            assert_eq!(conflict(text), None, "{text}");
        }
    }

    #[test]
    fn different_fields_of_one_name_conflict_across_fragments() {
        for text in [
            "{ a(x: 1) ...F } fragment F on Query { a(x: 2) }",
            "{ a ...F } fragment F on Query { a: b }",
            "{ ... { a(x: 1) } ... on Query { a } }",
            "{ a { ...F } a { ...G } } fragment F on A { b(x: 1) } fragment G on A { b(x: 2) }",
            "{ a { b { c(x: 1) } } ...F } fragment F on Query { a { b { c(x: 2) } } }",
            "query Q($v: Int, $w: Int) { a(x: $v) ... { a(x: $w) } }",
        ] {
            let found = conflict(text).unwrap_or_else(|| panic!("{text}"));
            assert!(found.starts_with("Fields \""), "{found}");
        }
    }

    #[test]
    fn cyclic_fragments_are_left_to_validation() {
        assert_eq!(
            conflict("{ ...F } fragment F on Query { a { ...F } }"),
            None
        );
        assert_eq!(
            conflict("{ ...F } fragment F on Query { a ...G } fragment G on Query { b ...F }"),
            None
        );
    }
}
