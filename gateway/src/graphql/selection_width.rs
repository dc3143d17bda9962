//! How many fields a row of a list has.

use std::collections::HashMap;
use std::sync::Mutex;

use async_graphql::parser::types::{Field, FragmentDefinition, Selection, SelectionSet};
use async_graphql::{Name, Pos, Positioned, SelectionField};

use super::response_cost::is_paged;

type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// The number of fields in each row of a list, by the position of the list in the document; counted
/// at its first row.
#[derive(Debug, Default)]
pub(super) struct SelectionWidths(Mutex<HashMap<Pos, usize>>);

impl SelectionWidths {
    pub(super) fn of(&self, list: &Positioned<Field>, fragments: &Fragments) -> usize {
        let mut known = self.0.lock().expect("no holder panics");
        let count = || fields_in(&list.node.selection_set.node, fragments);
        *known.entry(list.pos).or_insert_with(count)
    }
}

/// The number of fields in each edge of a connection, without those of its node.
pub(super) fn edge_width(edge: SelectionField<'_>) -> usize {
    let inside = edge.selection_set();
    inside
        .map(|field| {
            1 + if field.name() == "node" {
                0
            } else {
                edge_width(field)
            }
        })
        .sum()
}

/// The fields of a row, including those of its objects, but not those of rows in its lists.
/// Validation has rejected cyclic fragments, and the number of fields after expansion is limited.
fn fields_in(set: &SelectionSet, fragments: &Fragments) -> usize {
    let fields = set.items.iter().map(|item| match &item.node {
        Selection::Field(field) => {
            let inside = &field.node.selection_set.node;
            if has_rows(field.node.name.node.as_str()) {
                1
            } else {
                1 + fields_in(inside, fragments)
            }
        }
        Selection::InlineFragment(fragment) => {
            fields_in(&fragment.node.selection_set.node, fragments)
        }
        Selection::FragmentSpread(spread) => fragments
            .get(&spread.node.fragment_name.node)
            .map_or(0, |fragment| {
                fields_in(&fragment.node.selection_set.node, fragments)
            }),
    });
    fields.sum()
}

/// Whether a field inside a row is a list whose rows are budgeted on their own.
fn has_rows(name: &str) -> bool {
    name == "products" || is_paged(name)
}
