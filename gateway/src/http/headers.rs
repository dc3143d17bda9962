//! What a client says beside its document: the idempotency key, and what its lists must show.

use std::collections::BTreeMap;

use fritzy_domain::Consistency;
use warp::http::{HeaderMap, HeaderValue};

use super::response::Refused;

/// Where a client names the consistency token that a change has answered.
const TOKEN_HEADER: &str = "consistency-token";
/// Where a change answers it.
pub(super) const TOKEN_EXTENSION: &str = "consistencyToken";

/// How new the lists of an answer must be. A client names a token in a header, or in its request's extensions.
/// What changes something sees everything.
pub(super) fn freshness(
    headers: &HeaderMap,
    extensions: Option<&BTreeMap<String, serde_json::Value>>,
    is_change: bool,
) -> Result<Consistency, Refused> {
    let unreadable = || {
        let message = format!(
            "the header {TOKEN_HEADER}, or {TOKEN_EXTENSION} among the extensions, is not a token that this API \
             has handed out"
        );
        Refused::bad_request(message)
    };
    let in_header = headers.get(TOKEN_HEADER).map(HeaderValue::to_str);
    let in_header = in_header.transpose().map_err(|_| unreadable())?;
    let in_extensions = extensions.and_then(|extensions| extensions.get(TOKEN_EXTENSION));
    let token = match (in_header, in_extensions) {
        (Some(token), _) => token,
        (None, Some(token)) => token.as_str().ok_or_else(unreadable)?,
        (None, None) if is_change => return Ok(Consistency::Strong),
        (None, None) => return Ok(Consistency::BoundedStaleness),
    };
    let token = token.parse().map_err(|_| unreadable())?;
    Ok(if is_change {
        Consistency::Strong
    } else {
        Consistency::AtLeast(token)
    })
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        let message = "the header idempotency-key is given more than once";
        return Err(Refused::bad_request(message));
    }
    let key = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Refused::bad_request("the header idempotency-key is not UTF-8"))?;
    Ok(Some(key.to_owned()))
}
