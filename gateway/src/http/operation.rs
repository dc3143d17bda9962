//! The operation of a document that a request executes.

use async_graphql::Positioned;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};

/// The operation with this name, or the only one.
pub(super) fn operation<'d>(
    document: &'d ExecutableDocument,
    name: Option<&str>,
) -> Option<&'d Positioned<OperationDefinition>> {
    match (&document.operations, name) {
        (DocumentOperations::Single(only), _) => Some(only),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        // The only operation is chosen without its name.
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next()
        }
        (DocumentOperations::Multiple(_), None) => None,
    }
}

/// Whether the operation may have two root fields of one response name: with a single field it
/// cannot.
pub(super) fn may_repeat_fields(document: &ExecutableDocument, name: Option<&str>) -> bool {
    operation(document, name).is_some_and(|found| {
        let items = &found.node.selection_set.node.items;
        !matches!(items.as_slice(), [only] if matches!(only.node, Selection::Field(_)))
    })
}

pub(super) fn is_mutation(document: &ExecutableDocument, name: Option<&str>) -> bool {
    operation(document, name).is_some_and(|found| found.node.ty == OperationType::Mutation)
}
