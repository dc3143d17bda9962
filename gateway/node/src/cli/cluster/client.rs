//! A client of the admin API.

use std::error::Error as StdError;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use crate::settings::Secret;

/// Time for a response. A node reports a timeout of its database earlier.
const RESPONSE_TIME_MAX: Duration = Duration::from_secs(15);
/// Bytes of a response: some thousand nodes.
const RESPONSE_BYTES_MAX: usize = 4 << 20;

/// A client for the admin API of one node.
pub(super) struct AdminClient {
    http: Client<HttpConnector, Full<Bytes>>,
    /// Without a trailing slash.
    url: String,
    authorization: HeaderValue,
}

/// A response, as text and parsed.
pub(super) struct AdminResponse<T> {
    pub(super) text: String,
    pub(super) view: T,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminClientError {
    #[error(
        "{0} is not the URL of an admin API; --admin-url takes one such as http://127.0.0.1:8001"
    )]
    BadUrl(String),
    #[error("no token: set FRITZY_ADMIN_TOKEN or --admin-token to the token of the node")]
    NoToken,
    #[error("the token contains characters that HTTP headers do not allow")]
    BadToken,
    #[error(
        "{url} is unreachable: {reason}. Set --admin-url to the --admin-listen of a running node"
    )]
    Unreachable { url: String, reason: String },
    #[error(
        "{0} does not accept the token: set FRITZY_ADMIN_TOKEN or --admin-token to the token of the node"
    )]
    WrongToken(String),
    /// An error reported by the node.
    #[error("{message}")]
    Refused { code: String, message: String },
    #[error("{url} returned an unexpected response with status {status}; is it an --admin-listen?")]
    Unexpected { url: String, status: StatusCode },
}

impl AdminClientError {
    /// Whether the request was valid but the state of the cluster does not allow it.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "NOBODY_ELSE")
    }
}

impl AdminClient {
    pub(super) fn new(url: &str, token: Option<&Secret>) -> Result<Self, AdminClientError> {
        let uri = Uri::from_str(url).ok();
        let is_plain = |uri: &Uri| {
            let has_host = uri.host().is_some_and(|host| !host.is_empty());
            uri.scheme_str() == Some("http")
                && has_host
                && uri.path() == "/"
                && uri.query().is_none()
        };
        uri.filter(is_plain)
            .ok_or_else(|| AdminClientError::BadUrl(url.to_owned()))?;
        let token = token.ok_or(AdminClientError::NoToken)?;
        let authorization = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
        let mut authorization = authorization.map_err(|_| AdminClientError::BadToken)?;
        authorization.set_sensitive(true);
        Ok(Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
            url: url.trim_end_matches('/').to_owned(),
            authorization,
        })
    }

    pub(super) async fn get<T: for<'d> Deserialize<'d>>(
        &self,
        path: &str,
    ) -> Result<AdminResponse<T>, AdminClientError> {
        self.request(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post<T: for<'d> Deserialize<'d>>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<AdminResponse<T>, AdminClientError> {
        self.request(Method::POST, path, body.to_string().into())
            .await
    }

    async fn request<T: for<'d> Deserialize<'d>>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<AdminResponse<T>, AdminClientError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|_| AdminClientError::BadUrl(self.url.clone()))?;
        let unreachable = |reason: String| AdminClientError::Unreachable {
            url: self.url.clone(),
            reason,
        };
        let exchange = async {
            let response = self.http.request(request).await;
            let response = response.map_err(|failure| unreachable(root_of(&failure)))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), RESPONSE_BYTES_MAX);
            let body = body.collect().await;
            let body = body.map_err(|failure| unreachable(failure.to_string()))?;
            Ok((status, body.to_bytes()))
        };
        let late = |_| {
            unreachable(format!(
                "no response within {} s",
                RESPONSE_TIME_MAX.as_secs()
            ))
        };
        let exchanged = timeout(RESPONSE_TIME_MAX, exchange).await;
        let (status, body) = exchanged.map_err(late)??;
        if status == StatusCode::UNAUTHORIZED {
            return Err(AdminClientError::WrongToken(self.url.clone()));
        }
        let unexpected = || AdminClientError::Unexpected {
            url: self.url.clone(),
            status,
        };
        let text = String::from_utf8(body.to_vec()).map_err(|_| unexpected())?;
        if status != StatusCode::OK {
            return Err(reported_error(&text).unwrap_or_else(unexpected));
        }
        let view = serde_json::from_str(&text).map_err(|_| unexpected())?;
        Ok(AdminResponse { text, view })
    }
}

/// The error in a response.
fn reported_error(text: &str) -> Option<AdminClientError> {
    let error = serde_json::from_str::<Value>(text).ok()?;
    let part = |name: &str| Some(error["error"][name].as_str()?.to_owned());
    Some(AdminClientError::Refused {
        code: part("code")?,
        message: part("message")?,
    })
}

/// The innermost error, which is the operating system's: those of the client are uninformative.
fn root_of(failure: &dyn StdError) -> String {
    match failure.source() {
        Some(cause) => root_of(cause),
        None => failure.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_url_or_missing_token_is_refused_before_sending() {
        let token: Secret = "sixteen letters.".parse().expect("long enough");
        for url in [
            "http://127.0.0.1:8001",
            "http://node-1:8001/",
            "http://[::1]:1",
        ] {
            assert!(AdminClient::new(url, Some(&token)).is_ok(), "{url}");
        }
        for url in [
            "",
            "127.0.0.1:8001",
            "https://node-1:8001",
            "http://",
            "http://a/b",
            "http://a/?b",
        ] {
            let refused = AdminClient::new(url, Some(&token)).err().expect(url);
            assert!(refused.to_string().contains("--admin-url"), "{refused}");
        }
        let refused = AdminClient::new("http://a", None).err().expect("no token");
        assert!(
            refused.to_string().contains("FRITZY_ADMIN_TOKEN"),
            "{refused}"
        );
    }

    #[test]
    fn error_reported_by_the_node_is_passed_on() {
        let said = r#"{"error":{"code":"NOBODY_ELSE","message":"start another"}}"#;
        let refused = super::reported_error(said).expect("readable");
        assert!(refused.is_conflict());
        assert_eq!(refused.to_string(), "start another");
        assert!(super::reported_error("<html>").is_none());
    }
}
