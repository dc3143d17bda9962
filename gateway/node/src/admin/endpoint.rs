//! HTTP around the desk: the token, paths, bodies, and answers as JSON.

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

use super::node_lookup::NotNamed;
use super::service::{Desk, NotDone};
use crate::settings::Secret;

/// Bytes of a body at most: it holds the name of a node and a number.
const BODY_BYTES_MAX: usize = 4 * 1_024;
/// For a body to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);
/// Waiting for a node to be empty at most: who wants to wait longer asks again.
const WAIT_S_MAX: u16 = 600;

/// Why a request has no better answer.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("show the token of this node: Authorization: Bearer …")]
    NoToken,
    #[error(
        "there is nothing here by this method and path; docs/operations/cluster.md lists the paths"
    )]
    NothingHere,
    #[error("{0}")]
    Body(String),
    #[error(transparent)]
    NotDone(#[from] NotDone),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DrainBody {
    /// Its name, its id, or what only its id begins with.
    node: String,
    /// How long the answer may wait for the node to be empty.
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
    desk: Arc<Desk>,
}

/// Everything that can be asked.
pub(super) fn routes(token: Secret, desk: Arc<Desk>) -> BoxedFilter<(Response,)> {
    let endpoint = Arc::new(Endpoint { token, desk });
    warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |method, path: FullPath, headers, body| {
            let endpoint = endpoint.clone();
            async move {
                let answered = endpoint
                    .answer(&method, path.as_str(), &headers, body)
                    .await;
                answered.unwrap_or_else(|refused| refused.response())
            }
        })
        .boxed()
}

impl Endpoint {
    async fn answer<B: Buf>(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: impl Stream<Item = Result<B, warp::Error>>,
    ) -> Result<Response, Refused> {
        if !shows(headers, self.token.reveal()) {
            return Err(Refused::NoToken);
        }
        let path: Vec<&str> = path.trim_matches('/').split('/').collect();
        let desk = &self.desk;
        match (method.as_str(), path.as_slice()) {
            ("GET", ["cluster"]) => Ok(json(StatusCode::OK, &desk.cluster().await)),
            ("GET", ["cluster", "shard", shard]) => {
                let no_number = |_| Refused::Body(format!("{shard} is no number of a shard"));
                let shard: u16 = shard.parse().map_err(no_number)?;
                Ok(json(StatusCode::OK, &desk.shard(shard).await?))
            }
            ("GET", ["cluster", "where", id]) => Ok(json(StatusCode::OK, &desk.locate(id).await?)),
            ("POST", ["cluster", "drain"]) => {
                let DrainBody { node, timeout_s } = read(body).await?;
                let wait = Duration::from_secs(timeout_s.min(WAIT_S_MAX).into());
                Ok(json(StatusCode::OK, &desk.drain(&node, wait).await?))
            }
            ("POST", ["cluster", "undrain"]) => {
                let UndrainBody { node } = read(body).await?;
                Ok(json(StatusCode::OK, &desk.undrain(&node).await?))
            }
            ("POST", ["cluster", "rebalance"]) => {
                Ok(json(StatusCode::OK, &desk.rebalance().await?))
            }
            _ => Err(Refused::NothingHere),
        }
    }
}

/// Whether a request shows the token. In the same time whatever it shows: codes under a key are compared, so that their
/// lengths do not tell either.
fn shows(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|shown| shown.as_bytes().split_at_checked("Bearer ".len()))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
    let Some((_, shown)) = shown else {
        return false;
    };
    let code = |of: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(token.as_bytes());
        let mut mac = mac.expect("a key may have any length");
        mac.update(of);
        mac
    };
    let expected = code(token.as_bytes()).finalize().into_bytes();
    code(shown).verify_slice(&expected).is_ok()
}

/// Reads a body to its end, within its limits.
async fn read<T: for<'d> Deserialize<'d>, B: Buf>(
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<T, Refused> {
    let reading = async {
        pin_mut!(body);
        let mut bytes = Vec::new();
        while let Some(part) = body.next().await {
            let mut part = part.map_err(|_| Refused::Body("the body broke off".into()))?;
            if bytes.len() + part.remaining() > BODY_BYTES_MAX {
                let most = format!("a body has at most {BODY_BYTES_MAX} bytes");
                return Err(Refused::Body(most));
            }
            bytes.extend_from_slice(&part.copy_to_bytes(part.remaining()));
        }
        Ok(bytes)
    };
    let late = |_| Refused::Body(format!("the body did not arrive in {BODY_TIME_MAX:?}"));
    let bytes = timeout(BODY_TIME_MAX, reading).await.map_err(late)??;
    serde_json::from_slice(&bytes)
        .map_err(|failure| Refused::Body(format!("the body is not what is asked for: {failure}")))
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_string(body).expect("views are JSON");
    let mut response = Response::new(format!("{text}\n").into());
    *response.status_mut() = status;
    let value = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

impl Refused {
    fn response(&self) -> Response {
        let (status, code) = match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Self::NothingHere => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Self::Body(_) | Self::NotDone(NotDone::NotAnId(_)) => {
                (StatusCode::BAD_REQUEST, "BAD_REQUEST")
            }
            Self::NotDone(NotDone::NotNamed(NotNamed::Unknown { .. })) => {
                (StatusCode::NOT_FOUND, "NO_SUCH_NODE")
            }
            Self::NotDone(NotDone::NotNamed(NotNamed::Ambiguous { .. })) => {
                (StatusCode::CONFLICT, "AMBIGUOUS_NODE")
            }
            Self::NotDone(NotDone::NoShard { .. }) => (StatusCode::NOT_FOUND, "NO_SUCH_SHARD"),
            Self::NotDone(NotDone::NobodyElse { .. }) => (StatusCode::CONFLICT, "NOBODY_ELSE"),
            Self::NotDone(NotDone::Tables(_) | NotDone::Late(..)) => {
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
    fn only_the_token_itself_is_let_in() {
        const TOKEN: &str = "sixteen letters.";
        let shown = |value: &str| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_str(value).expect("a header");
            headers.insert(header::AUTHORIZATION, value);
            shows(&headers, TOKEN)
        };
        assert!(shown("Bearer sixteen letters."));
        assert!(shown("bearer sixteen letters."));
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
            assert!(!shown(other), "{other}");
        }
        assert!(!shows(&HeaderMap::new(), TOKEN));
    }

    #[tokio::test]
    async fn a_body_is_read_within_its_limits() {
        async fn read_parts(parts: &[&[u8]]) -> Result<DrainBody, Refused> {
            let parts = parts.iter().copied().map(Ok::<_, warp::Error>);
            read(futures_util::stream::iter(parts)).await
        }
        let body = read_parts(&[br#"{"node":"#, br#""one"}"#]).await;
        let body = body.expect("as it should be");
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
