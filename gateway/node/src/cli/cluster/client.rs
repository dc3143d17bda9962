//! Asks the endpoint for operators of a node.

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

/// For an answer. A node gives up on its database before.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);
/// Bytes of an answer at most: some thousand nodes.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A client for one endpoint.
pub(super) struct AdminClient {
    http: Client<HttpConnector, Full<Bytes>>,
    /// Without a slash at its end.
    url: String,
    authorization: HeaderValue,
}

/// An answer, as it came and as it was read.
pub(super) struct Answer<T> {
    pub(super) text: String,
    pub(super) view: T,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error(
        "{0} is no address of an endpoint for operators; --admin-url takes one such as http://127.0.0.1:8001"
    )]
    BadUrl(String),
    #[error("no token is given: set FRITZY_ADMIN_TOKEN, or --admin-token, to that of the node")]
    NoToken,
    #[error("the token cannot be sent: it has characters that headers do not take")]
    BadToken,
    #[error(
        "{url} cannot be reached: {reason}. --admin-url names the --admin-listen of a node that runs"
    )]
    Unreachable { url: String, reason: String },
    #[error(
        "{0} does not accept the token: give that of the node, with --admin-token or FRITZY_ADMIN_TOKEN"
    )]
    WrongToken(String),
    /// What the node says.
    #[error("{message}")]
    Refused { code: String, message: String },
    #[error("{url} answers {status}, which no node of this version does; is it an --admin-listen?")]
    Strange { url: String, status: StatusCode },
}

impl NoAnswer {
    /// Whether it could be done, were the cluster another.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "NOBODY_ELSE")
    }
}

impl AdminClient {
    pub(super) fn new(url: &str, token: Option<&Secret>) -> Result<Self, NoAnswer> {
        let uri = Uri::from_str(url).ok();
        let is_plain = |uri: &Uri| {
            let has_host = uri.host().is_some_and(|host| !host.is_empty());
            uri.scheme_str() == Some("http")
                && has_host
                && uri.path() == "/"
                && uri.query().is_none()
        };
        uri.filter(is_plain)
            .ok_or_else(|| NoAnswer::BadUrl(url.to_owned()))?;
        let token = token.ok_or(NoAnswer::NoToken)?;
        let authorization = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
        let mut authorization = authorization.map_err(|_| NoAnswer::BadToken)?;
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
    ) -> Result<Answer<T>, NoAnswer> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    pub(super) async fn post<T: for<'d> Deserialize<'d>>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Answer<T>, NoAnswer> {
        self.ask(Method::POST, path, body.to_string().into()).await
    }

    async fn ask<T: for<'d> Deserialize<'d>>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer<T>, NoAnswer> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|_| NoAnswer::BadUrl(self.url.clone()))?;
        let unreachable = |reason: String| NoAnswer::Unreachable {
            url: self.url.clone(),
            reason,
        };
        let exchange = async {
            let response = self.http.request(request).await;
            let response = response.map_err(|failure| unreachable(root_of(&failure)))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
            let body = body.collect().await;
            let body = body.map_err(|failure| unreachable(failure.to_string()))?;
            Ok((status, body.to_bytes()))
        };
        let late = |_| unreachable(format!("no answer in {} s", ANSWER_TIME_MAX.as_secs()));
        let exchanged = timeout(ANSWER_TIME_MAX, exchange).await;
        let (status, body) = exchanged.map_err(late)??;
        if status == StatusCode::UNAUTHORIZED {
            return Err(NoAnswer::WrongToken(self.url.clone()));
        }
        let strange = || NoAnswer::Strange {
            url: self.url.clone(),
            status,
        };
        let text = String::from_utf8(body.to_vec()).map_err(|_| strange())?;
        if status != StatusCode::OK {
            return Err(refused(&text).unwrap_or_else(strange));
        }
        let view = serde_json::from_str(&text).map_err(|_| strange())?;
        Ok(Answer { text, view })
    }
}

/// What a node says instead of an answer.
fn refused(text: &str) -> Option<NoAnswer> {
    let error = serde_json::from_str::<Value>(text).ok()?;
    let part = |name: &str| Some(error["error"][name].as_str()?.to_owned());
    Some(NoAnswer::Refused {
        code: part("code")?,
        message: part("message")?,
    })
}

/// What the operating system saw: the client's own texts say little.
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
    fn what_cannot_be_asked_is_said_before_anything_is_sent() {
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
    fn what_a_node_says_is_passed_on() {
        let said = r#"{"error":{"code":"NOBODY_ELSE","message":"start another"}}"#;
        let refused = super::refused(said).expect("readable");
        assert!(refused.is_conflict());
        assert_eq!(refused.to_string(), "start another");
        assert!(super::refused("<html>").is_none());
    }
}
