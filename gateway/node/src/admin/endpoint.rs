//! HTTP of the admin API: token, paths, bodies, and responses as JSON.

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use futures_util::{Stream, StreamExt, pin_mut};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::time::timeout;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::path::FullPath;
use warp::reply::Response;

use super::error::AdminError;
use super::node_lookup::NodeLookupError;
use super::service::AdminService;
use crate::settings::Secret;

/// Bytes of a body: it holds the name of a node and a number.
const BODY_BYTES_MAX: usize = 4 * 1_024;
/// Time for a body to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);
/// Seconds that a request may wait for a node to be empty; clients that wait longer repeat it.
const WAIT_S_MAX: u16 = 600;

#[derive(Debug, thiserror::Error)]
enum AdminHttpError {
    #[error("send the token of this node: Authorization: Bearer …")]
    NoToken,
    #[error("no such method and path; docs/operations/cluster.md lists them")]
    NotFound,
    #[error("{0}")]
    Body(String),
    #[error(transparent)]
    Failed(#[from] AdminError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DrainBody {
    /// Its name, its id, or a unique prefix of its id.
    node: String,
    /// Seconds that the response may wait for the node to be empty.
    #[serde(default)]
    timeout_s: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UndrainBody {
    node: String,
}

struct Endpoint {
    token: Secret,
    service: Arc<AdminService>,
}

/// The routes of the admin API.
pub(super) fn routes(token: Secret, service: Arc<AdminService>) -> BoxedFilter<(Response,)> {
    let endpoint = Arc::new(Endpoint { token, service });
    warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method, path: FullPath, headers, body| {
            let endpoint = endpoint.clone();
            async move {
                let handled = endpoint
                    .handle(&method, path.as_str(), &headers, body)
                    .await;
                handled.unwrap_or_else(|error| error.response())
            }
        })
        .boxed()
}

impl Endpoint {
    async fn handle<B: Buf>(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Result<Response, AdminHttpError> {
        if !has_token(headers, self.token.reveal()) {
            return Err(AdminHttpError::NoToken);
        }
        let path: Vec<&str> = path.trim_matches('/').split('/').collect();
        let service = &self.service;
        match (method.as_str(), path.as_slice()) {
            ("GET", ["cluster"]) => Ok(json(StatusCode::OK, &service.cluster().await)),
            ("GET", ["cluster", "shard", shard]) => {
                let not_a_number =
                    |_| AdminHttpError::Body(format!("{shard} is not the number of a shard"));
                let shard: u16 = shard.parse().map_err(not_a_number)?;
                Ok(json(StatusCode::OK, &service.shard(shard).await?))
            }
            ("GET", ["cluster", "where", id]) => {
                Ok(json(StatusCode::OK, &service.locate(id).await?))
            }
            ("POST", ["cluster", "drain"]) => {
                let DrainBody { node, timeout_s } = read(body).await?;
                let wait = Duration::from_secs(timeout_s.min(WAIT_S_MAX).into());
                Ok(json(StatusCode::OK, &service.drain(&node, wait).await?))
            }
            ("POST", ["cluster", "undrain"]) => {
                let UndrainBody { node } = read(body).await?;
                Ok(json(StatusCode::OK, &service.undrain(&node).await?))
            }
            ("POST", ["cluster", "rebalance"]) => {
                Ok(json(StatusCode::OK, &service.rebalance().await?))
            }
            _ => Err(AdminHttpError::NotFound),
        }
    }
}

/// Whether a request has the token. Compares HMACs, so that the time reveals neither the token nor
/// its length.
fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|given| given.as_bytes().split_at_checked("Bearer ".len()))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
    let Some((_, given)) = given else {
        return false;
    };
    let code = |of: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(token.as_bytes());
        let mut mac = mac.expect("a key may have any length");
        mac.update(of);
        mac
    };
    let expected = code(token.as_bytes()).finalize().into_bytes();
    code(given).verify_slice(&expected).is_ok()
}

/// Reads and parses a body, within its limits.
async fn read<T: for<'d> Deserialize<'d>, B: Buf>(
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<T, AdminHttpError> {
    let reading = async {
        pin_mut!(body);
        let mut bytes = Vec::new();
        while let Some(part) = body.next().await {
            let mut part = part.map_err(|_| AdminHttpError::Body("the body ended early".into()))?;
            if bytes.len() + part.remaining() > BODY_BYTES_MAX {
                let most = format!("a body has at most {BODY_BYTES_MAX} bytes");
                return Err(AdminHttpError::Body(most));
            }
            bytes.extend_from_slice(&part.copy_to_bytes(part.remaining()));
        }
        Ok(bytes)
    };
    let late = |_| AdminHttpError::Body(format!("the body did not arrive in {BODY_TIME_MAX:?}"));
    let bytes = timeout(BODY_TIME_MAX, reading).await.map_err(late)??;
    serde_json::from_slice(&bytes)
        .map_err(|failure| AdminHttpError::Body(format!("invalid body: {failure}")))
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_string(body).expect("views are JSON");
    let mut response = Response::new(format!("{text}\n").into());
    *response.status_mut() = status;
    let value = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

impl AdminHttpError {
    fn response(&self) -> Response {
        let (status, code) = match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Self::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Self::Body(_) | Self::Failed(AdminError::NotAnId(_)) => {
                (StatusCode::BAD_REQUEST, "BAD_REQUEST")
            }
            Self::Failed(AdminError::Lookup(NodeLookupError::Unknown { .. })) => {
                (StatusCode::NOT_FOUND, "NO_SUCH_NODE")
            }
            Self::Failed(AdminError::Lookup(NodeLookupError::Ambiguous { .. })) => {
                (StatusCode::CONFLICT, "AMBIGUOUS_NODE")
            }
            Self::Failed(AdminError::NoShard { .. }) => (StatusCode::NOT_FOUND, "NO_SUCH_SHARD"),
            Self::Failed(AdminError::NoOtherOwner { .. }) => (StatusCode::CONFLICT, "NOBODY_ELSE"),
            Self::Failed(AdminError::Tables(_) | AdminError::TimedOut(..)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
            }
        };
        let error = serde_json::json!({ "error": { "code": code, "message": self.to_string() } });
        let mut response = json(status, &error);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_token_is_accepted() {
        const TOKEN: &str = "sixteen letters.";
        let accepted = |value: &str| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(value).expect("a header");
            headers.insert(header::AUTHORIZATION, value);
            has_token(&headers, TOKEN)
        };
        assert!(accepted("Bearer sixteen letters."));
        assert!(accepted("bearer sixteen letters."));
        for other in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer sixteen letters",
            "Bearer sixteen letters..",
            "Bearer Sixteen letters.",
            "Basic sixteen letters.",
            "sixteen letters.",
        ] {
            assert!(!accepted(other), "{other}");
        }
        assert!(!has_token(&HeaderMap::new(), TOKEN));
    }

    #[tokio::test]
    async fn body_beyond_its_limits_is_refused() {
        async fn read_parts(parts: &[&[u8]]) -> Result<DrainBody, AdminHttpError> {
            let parts = parts.iter().copied().map(Ok::<_, warp::Error>);
            read(futures_util::stream::iter(parts)).await
        }
        let body = read_parts(&[br#"{"node":"#, br#""one"}"#]).await;
        let body = body.expect("a valid body");
        assert_eq!((body.node.as_str(), body.timeout_s), ("one", 0));
        let long = vec![b' '; BODY_BYTES_MAX];
        for (parts, named) in [
            (vec![&b"{"[..], &long], "at most 4096 bytes"),
            (vec![&b"{}"[..]], "missing field `node`"),
            (
                vec![&br#"{"node":"one","timeouts":1}"#[..]],
                "unknown field",
            ),
        ] {
            let refused = read_parts(&parts).await.err().expect("refused");
            assert!(refused.to_string().contains(named), "{refused}");
        }
    }
}
