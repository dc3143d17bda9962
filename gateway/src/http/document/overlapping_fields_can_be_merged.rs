//! Fields that would stand under one name in an answer and do not ask for the same: GraphQL refuses them ("Field
//! Selection Merging"); the library does so only where none of them comes through a fragment.
//!
//! The schema has neither interfaces nor unions, so fields under one name are always of one type, and only their
//! names and arguments can differ.

use std::collections::{BTreeMap, HashSet};

use async_graphql::parser::types::{ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Positioned, ServerError};

/// Fields looked at, at most: an operation has no more with its fragments put in, unless fragments spread
/// themselves, which validation refuses.
const LOOKS_MAX: usize = 8_000;

/// Objects within objects, at most: [`super::document_limits`] has refused what is deeper, unless fragments spread
/// themselves.
const DEPTH_MAX: usize = 64;

type Fields<'d> = BTreeMap<&'d str, Vec<&'d Positioned<Field>>>;

/// The first pair of fields of a document that cannot be merged. Its limits have been checked.
pub(super) fn conflicting_fields(document: &ExecutableDocument) -> Option<ServerError> {
    document.operations.iter().find_map(|(_, operation)| {
        let mut looks_left = LOOKS_MAX;
        let set = &operation.node.selection_set.node;
        Merging {
            document,
            looks_left: &mut looks_left,
        }
        .conflict(&[set], DEPTH_MAX)
    })
}

struct Merging<'d, 'l> {
    document: &'d ExecutableDocument,
    looks_left: &'l mut usize,
}

impl<'d> Merging<'d, '_> {
    /// A conflict among the fields of an object that all of `sets` select, or inside one of them.
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
                    "Fields \"{name}\" conflict: they ask for different fields, or with different arguments. \
                     Give one of them another alias."
                );
                return Some(ServerError::new(message, Some(other.pos)));
            }
            let inside: Vec<&SelectionSet> = fields
                .iter()
                .map(|field| &field.node.selection_set.node)
                .filter(|set| !set.items.is_empty())
                .collect();
            if !inside.is_empty()
                && let Some(conflict) = self.conflict(&inside, depth_left)
            {
                return Some(conflict);
            }
        }
        None
    }

    /// Gathers fields by the name they get. A fragment adds nothing when it is spread again.
    fn collect(
        &mut self,
        set: &'d SelectionSet,
        fields: &mut Fields<'d>,
        spread: &mut HashSet<&'d str>,
    ) {
        for item in &set.items {
            if *self.looks_left == 0 {
                return;
            }
            *self.looks_left -= 1;
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

/// Whether two fields are one name with the same arguments, in whatever order.
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
    fn the_same_field_may_stand_there_as_often_as_it_likes() {
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
    fn what_differs_under_one_name_is_found_wherever_it_comes_from() {
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
    fn fragments_without_an_end_are_left_to_validation() {
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
