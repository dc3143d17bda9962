//! How many fields a row of a list has.

use std::collections::HashMap;
use std::ptr;
use std::sync::Mutex;

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{Positioned, SelectionField};

use super::response_cost::is_paged;

/// The number of fields in each row of a list, by the address of the list's field in the merged
/// document, where several fields can come from one position of the text. Counted at its first row.
#[derive(Debug, Default)]
pub(super) struct SelectionWidths(Mutex<HashMap<usize, usize>>);

impl SelectionWidths {
    pub(super) fn of(&self, list: &Positioned<Field>) -> usize {
        let mut known = self.0.lock().expect("no holder panics");
        let count = || fields_in(&list.node.selection_set.node);
        // The document stays in its place while the request is executed.
        *known
            .entry(ptr::from_ref(list).addr())
            .or_insert_with(count)
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

/// The fields of a row, including those of its objects, but not those of rows in its lists. The
/// selections are merged: fragments are left only for each possible type of an object.
fn fields_in(set: &SelectionSet) -> usize {
    let mut sum = 0;
    let mut widest = 0;
    for item in &set.items {
        match &item.node {
            Selection::Field(field) if has_rows(field.node.name.node.as_str()) => sum += 1,
            Selection::Field(field) => sum += 1 + fields_in(&field.node.selection_set.node),
            Selection::InlineFragment(fragment) => {
                widest = widest.max(fields_in(&fragment.node.selection_set.node));
            }
            Selection::FragmentSpread(_) => {}
        }
    }
    sum + widest
}

/// Whether a field inside a row is a list whose rows are budgeted on their own.
fn has_rows(name: &str) -> bool {
    matches!(name, "products" | "lines") || is_paged(name)
}
