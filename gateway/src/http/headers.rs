//! Headers and extensions of a request: the idempotency key, the consistency token, and whether the
//! cost is wanted.

use std::collections::BTreeMap;

use fritzy_domain::Consistency;
use warp::http::{HeaderMap, HeaderValue};

use super::rejection::HttpRejection;

/// The header in which clients send the consistency token of an earlier mutation.
const TOKEN_HEADER: &str = "consistency-token";
/// The extension of requests and responses that holds it.
pub(super) const TOKEN_EXTENSION: &str = "consistencyToken";

/// The header by which clients ask for the cost of a request.
const COST_HEADER: &str = "graphql-cost";
/// The extension of requests that asks for it, and of responses that holds it.
pub(super) const COST_EXTENSION: &str = "cost";

/// Whether the response shall tell what the request costs: by a header, or in the request's
/// extensions.
///
/// # Errors
/// `BAD_REQUEST` when it says neither `true` nor `false`.
pub(super) fn wants_cost(
    headers: &HeaderMap,
    extensions: Option<&BTreeMap<String, serde_json::Value>>,
) -> Result<bool, HttpRejection> {
    let malformed = || {
        let message = format!(
            "the header {COST_HEADER}, or {COST_EXTENSION} in the extensions, is neither true nor false"
        );
        HttpRejection::bad_request(message)
    };
    if let Some(value) = headers.get(COST_HEADER) {
        return match value.as_bytes() {
            b"true" => Ok(true),
            b"false" => Ok(false),
            _ => Err(malformed()),
        };
    }
    let extension = extensions.and_then(|extensions| extensions.get(COST_EXTENSION));
    extension.map_or(Ok(false), |value| value.as_bool().ok_or_else(malformed))
}

/// The consistency that lists of the response need. The token is in a header or in the request's
/// extensions; the header wins. Mutations always read the newest state.
///
/// # Errors
/// `BAD_REQUEST` when the token is malformed.
pub(super) fn consistency(
    headers: &HeaderMap,
    extensions: Option<&BTreeMap<String, serde_json::Value>>,
    is_mutation: bool,
) -> Result<Consistency, HttpRejection> {
    let malformed = || {
        let message = format!(
            "the header {TOKEN_HEADER}, or {TOKEN_EXTENSION} in the extensions, is not a token issued by this API"
        );
        HttpRejection::bad_request(message)
    };
    let in_header = headers.get(TOKEN_HEADER).map(HeaderValue::to_str);
    let in_header = in_header.transpose().map_err(|_| malformed())?;
    let in_extensions = extensions.and_then(|extensions| extensions.get(TOKEN_EXTENSION));
    let token = match (in_header, in_extensions) {
        (Some(token), _) => token,
        (None, Some(token)) => token.as_str().ok_or_else(malformed)?,
        (None, None) if is_mutation => return Ok(Consistency::Strong),
        (None, None) => return Ok(Consistency::BoundedStaleness),
    };
    let token = token.parse().map_err(|_| malformed())?;
    Ok(if is_mutation {
        Consistency::Strong
    } else {
        Consistency::AtLeast(token)
    })
}

/// The header `Idempotency-Key`.
///
/// # Errors
/// `BAD_REQUEST` when it is repeated or not UTF-8.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, HttpRejection> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        let message = "the header idempotency-key is given more than once";
        return Err(HttpRejection::bad_request(message));
    }
    let key = std::str::from_utf8(value.as_bytes())
        .map_err(|_| HttpRejection::bad_request("the header idempotency-key is not UTF-8"))?;
    Ok(Some(key.to_owned()))
}
