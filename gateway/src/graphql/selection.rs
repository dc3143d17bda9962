//! Fields that a query selects inside other fields.

use async_graphql::{InputType, SelectionField, Value};

/// The fields of a connection that need the count of its list.
pub(super) const COUNT_FIELDS: [&str; 2] = ["totalCount", "totalCountIsLowerBound"];

/// The fields of one name inside any of these fields.
pub(super) fn inside<'a>(fields: &[SelectionField<'a>], name: &str) -> Vec<SelectionField<'a>> {
    let inside = fields.iter().flat_map(SelectionField::selection_set);
    inside.filter(|field| field.name() == name).collect()
}

/// The fields that select the nodes of these connections.
pub(super) fn nodes_of<'a>(connections: &[SelectionField<'a>]) -> Vec<SelectionField<'a>> {
    let mut nodes = inside(&inside(connections, "edges"), "node");
    nodes.extend(inside(connections, "nodes"));
    nodes
}

/// An argument of a field: `None` inside when it is not given, outside when it has the wrong type.
pub(super) fn argument<T: InputType>(field: &SelectionField<'_>, name: &str) -> Option<Option<T>> {
    let arguments = field.arguments().ok()?;
    let given = arguments.into_iter().find(|(given, _)| given == name);
    match given {
        None | Some((_, Value::Null)) => Some(None),
        Some((_, value)) => T::parse(Some(value)).ok().map(Some),
    }
}
