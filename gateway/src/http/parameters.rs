//! The parameters of a GraphQL request, in a JSON body or a query string.

use std::borrow::Cow;
use std::collections::BTreeMap;

use async_graphql::Variables;
use serde::Deserialize;
use warp::http::{HeaderMap, StatusCode, header};

use super::rejection::HttpRejection;
use crate::document::shortened;

/// Some clients on Windows begin every text with it. JSON does not allow it, but lets readers ignore
/// it (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The parameters of a GraphQL request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters {
    /// The text of the document, unless it is named by hash or id.
    pub(super) query: Option<String>,
    /// The id of a listed document.
    pub(super) document_id: Option<String>,
    pub(super) operation_name: Option<String>,
    pub(super) variables: Option<Variables>,
    #[serde(default)]
    pub(super) extensions: Option<BTreeMap<String, serde_json::Value>>,
}

/// The same in a query string, where objects are JSON texts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryParameters {
    query: Option<String>,
    document_id: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl Parameters {
    /// Parses a JSON body.
    ///
    /// # Errors
    /// `BAD_REQUEST` when it is not a JSON object with these members.
    pub(super) fn from_body(bytes: &[u8]) -> Result<Self, HttpRejection> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        // Serde would read an array as the fields of the struct, in their order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(HttpRejection::bad_request("the body is not a JSON object"));
        }
        serde_json::from_slice(bytes).map_err(|failure| {
            HttpRejection::bad_request(format!(
                "the body is not a GraphQL request ({{\"query\": \"…\"}}, with variables, operationName \
                 and extensions where needed): {}",
                described(&failure)
            ))
        })
    }

    /// Parses a query string.
    ///
    /// # Errors
    /// `BAD_REQUEST` when a parameter is given twice, or is not JSON.
    pub(super) fn from_query(query: &str) -> Result<Self, HttpRejection> {
        let parameters: QueryParameters = serde_urlencoded::from_str(query).map_err(|failure| {
            HttpRejection::bad_request(format!(
                "the query string is not a GraphQL request: {failure}"
            ))
        })?;
        Ok(Self {
            query: parameters.query,
            document_id: parameters.document_id,
            operation_name: parameters.operation_name,
            variables: json_parameter("variables", parameters.variables)?,
            extensions: json_parameter("extensions", parameters.extensions)?,
        })
    }
}

impl Parameters {
    /// Whether no document is named in any way.
    pub(super) const fn is_empty(&self) -> bool {
        self.query.is_none() && self.document_id.is_none() && self.extensions.is_none()
    }
}

/// Checks the content type of a body.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE` for anything but JSON in UTF-8.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), HttpRejection> {
    if is_json(headers) {
        return Ok(());
    }
    Err(HttpRejection::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        "send the request as content-type: application/json, in UTF-8",
    ))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return false;
    };
    let mut parts = value.to_str().unwrap_or_default().split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => charset
            .trim()
            .trim_matches('"')
            .eq_ignore_ascii_case("utf-8"),
        _ => true,
    })
}

fn json_parameter<T: serde::de::DeserializeOwned>(
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, HttpRejection> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|failure| {
            HttpRejection::bad_request(format!(
                "the parameter {name} is not a JSON object: {}",
                described(&failure)
            ))
        })
}

/// What is wrong where. Serde's text can repeat a whole value of the client.
fn described(failure: &serde_json::Error) -> String {
    let text = failure.to_string();
    match shortened(&text) {
        Cow::Borrowed(whole) => whole.to_owned(),
        Cow::Owned(start) => format!(
            "{start} at line {} column {}",
            failure.line(),
            failure.column()
        ),
    }
}
