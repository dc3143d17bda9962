//! The path of a field in the response.

use std::fmt::Write;

use async_graphql::QueryPathNode;

/// The response names of a field, from the root down.
pub(super) fn response_path(node: Option<QueryPathNode<'_>>) -> String {
    let mut path = String::new();
    if let Some(node) = node {
        // Writing to a string does not fail.
        let _ = write!(path, "{node}");
    }
    path
}
