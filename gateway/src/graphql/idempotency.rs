//! Derives the command of a mutation from its idempotency key.

use async_graphql::Context;
use fritzy_actors::Request;
use fritzy_domain::{CommandId, FingerprintBuilder, KeyScope, Rejection, check_key};
use uuid::Uuid;

use super::request::request;
use super::response_path::response_path;

/// The request of one mutation field. `target` is the id of the changed entity, empty for
/// creations; `content` adds the client's input to the fingerprint.
///
/// A key given as an argument is used alone. A key given as a header applies to the whole document,
/// so it is combined with the response path of the mutation: two mutations of one document do not
/// collide.
///
/// # Errors
/// [`Rejection::Invalid`] naming `idempotencyKey` when the key is malformed.
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
            // A new id, so that an internal retry is not executed twice; version 7, so that new ids
            // are adjacent on disk.
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
