//! A GraphQL client over plain HTTP/1.1 with a connection pool. Each call is one attempt, and its
//! error says how the attempt failed; the caller decides on retries.

mod response;

use std::error::Error as StdError;
use std::str::FromStr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

pub(crate) use response::first_error;
use response::interpret;
pub use response::{CallError, GraphqlError, Response};

/// Maximum of a response in bytes: many times a page of 1 000 orders, and small compared to the
/// machine's memory.
pub const RESPONSE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Maximum of idle connections: more than any sensible concurrency.
const IDLE_CONNECTIONS_MAX: usize = 1024;

/// A client of one node. Clones are cheap and share the pool.
#[derive(Clone, Debug)]
pub struct GraphqlClient {
    http: Client<HttpConnector, Full<Bytes>>,
    endpoint: Uri,
}

/// Why a text is not the URL of a node.
#[derive(Debug, Error)]
pub enum UrlError {
    /// The text is not an absolute http URL.
    #[error("{url:?} is not a URL such as http://localhost:8000/graphql")]
    Malformed {
        /// The URL as the caller gave it.
        url: String,
    },
    /// The URL needs TLS, which this client does not support.
    #[error("{url:?} needs TLS, which this tool does not support: use an http:// URL")]
    Tls {
        /// The URL as the caller gave it; its scheme is `https`.
        url: String,
    },
}

impl GraphqlClient {
    /// A client of the node at `url`, e.g. `http://localhost:8000/graphql`. It connects at the
    /// first call.
    ///
    /// # Errors
    /// [`UrlError`] when the text is not a URL or needs TLS.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        let malformed = || UrlError::Malformed {
            url: url.to_owned(),
        };
        let endpoint = Uri::from_str(url).map_err(|_| malformed())?;
        match endpoint.scheme_str() {
            Some("http") if endpoint.host().is_some_and(|host| !host.is_empty()) => {}
            Some("https") => {
                return Err(UrlError::Tls {
                    url: url.to_owned(),
                });
            }
            _ => return Err(malformed()),
        }
        let mut connector = HttpConnector::new();
        // Requests are small and wait for their responses: Nagle's algorithm would only delay them.
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Ok(Self { http, endpoint })
    }

    /// Sends one document with its variables (a JSON object) and waits for the complete response
    /// until `deadline`.
    ///
    /// # Errors
    /// [`CallError`] when there is no complete response, or one with errors. After the deadline it
    /// is a [`CallError::Transport`], and the request may have been executed.
    pub async fn execute(
        &self,
        document: &str,
        variables: &RawValue,
        deadline: Instant,
    ) -> Result<Response, CallError> {
        let request = self.request(document, variables)?;
        match timeout_at(deadline, self.exchange(request)).await {
            Ok(exchanged) => {
                let (status, body) = exchanged?;
                interpret(status, &body)
            }
            Err(_) => Err(CallError::Transport {
                certainly_not_sent: false,
                reason: "no response in time".to_owned(),
            }),
        }
    }

    fn request(
        &self,
        query: &str,
        variables: &RawValue,
    ) -> Result<Request<Full<Bytes>>, CallError> {
        #[derive(Serialize)]
        struct Body<'a> {
            query: &'a str,
            variables: &'a RawValue,
        }
        let unsendable = |error: &dyn StdError| CallError::Protocol(format!("request: {error}"));
        let body =
            serde_json::to_vec(&Body { query, variables }).map_err(|error| unsendable(&error))?;
        Request::builder()
            .method(Method::POST)
            .uri(self.endpoint.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| unsendable(&error))
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let response = self
            .http
            .request(request)
            .await
            .map_err(|error| CallError::Transport {
                certainly_not_sent: error.is_connect(),
                reason: chain(&error),
            })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), RESPONSE_BYTES_MAX);
        match body.collect().await {
            Ok(collected) => Ok((status, collected.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(CallError::Protocol(format!(
                "the body is larger than {RESPONSE_BYTES_MAX} bytes"
            ))),
            Err(error) => Err(CallError::Transport {
                certainly_not_sent: false,
                reason: chain(error.as_ref()),
            }),
        }
    }
}

/// The whole chain of causes: Hyper's own messages lack the error of the operating system.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_checked_before_any_request() {
        assert!(GraphqlClient::new("http://localhost:8000/graphql").is_ok());
        let tls = GraphqlClient::new("https://shop.example/graphql").expect_err("no TLS");
        assert!(tls.to_string().contains("TLS"), "{tls}");
        for text in [
            "",
            "localhost:8000",
            "/graphql",
            "ftp://localhost/",
            "http://",
        ] {
            let error = GraphqlClient::new(text).expect_err(text);
            assert!(matches!(error, UrlError::Malformed { .. }), "{text}");
        }
    }

    #[tokio::test]
    async fn refused_connection_is_certainly_not_sent() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = closed.local_addr().expect("its address");
        drop(closed);
        let client = GraphqlClient::new(&format!("http://{address}/graphql")).expect("a client");
        let variables = RawValue::from_string("{}".to_owned()).expect("JSON");
        let deadline = Instant::now() + std::time::Duration::from_secs(10);
        let error = client.execute("{ __typename }", &variables, deadline).await;
        let error = error.expect_err("no listener");
        assert!(
            error.certainly_not_sent() && error.is_transient(),
            "{error}"
        );
    }
}
