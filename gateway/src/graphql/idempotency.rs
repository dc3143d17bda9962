//! From an idempotency key to the command it stands for.

use std::fmt::Write;

use async_graphql::{Context, QueryPathNode};
use fritzy_actors::Request;
use fritzy_domain::{CommandId, FingerprintBuilder, KeyScope, Rejection, check_key};
use uuid::Uuid;

use super::request::request;

/// The request behind one mutation field. `target` is the id of what is changed, empty for creations;
/// `content` adds what the client sent to the fingerprint.
///
/// A key given as an argument stands for itself. One given as a header belongs to the whole document,
/// so the response path of the mutation extends it: two mutations of one document do not collide.
///
/// # Errors
/// [`Rejection::Invalid`] naming `idempotencyKey`.
pub(crate) fn command_request(
    context: &Context<'_>,
    mutation: &str,
    target: &str,
    argument: Option<&str>,
    content: impl FnOnce(FingerprintBuilder) -> FingerprintBuilder,
) -> Result<Request, Rejection> {
    let request = request(context);
    let (key, path) = match (argument, &request.idempotency_key) {
        (Some(key), _) => (key, String::new()),
        (None, Some(key)) => (key.as_str(), response_path(context.path_node)),
        (None, None) => {
            // Random, so that a retry inside cannot order twice; new ids lie side by side on disk.
            let command = CommandId::from_uuid(Uuid::now_v7());
            return Ok(Request {
                command,
                fingerprint: None,
                deadline: request.deadline,
            });
        }
    };
    check_key(key)?;
    let scope = KeyScope {
        tenant: "",
        caller: "",
        mutation,
        target,
        key,
        path: &path,
    };
    Ok(Request {
        command: scope.command_id(),
        fingerprint: Some(content(FingerprintBuilder::default()).finish()),
        deadline: request.deadline,
    })
}

/// The names under which a field is answered, from the root down.
pub(crate) fn response_path(node: Option<QueryPathNode<'_>>) -> String {
    let mut path = String::new();
    if let Some(node) = node {
        // Writing to a string does not fail.
        let _ = write!(path, "{node}");
    }
    path
}
