//! An HTTP client of one node: one request, one response, no retries.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::http::request::Builder;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// A node that has not responded within this time never will: debug builds on busy machines need
/// seconds.
pub const RESPONSE_TIME_MAX: Duration = Duration::from_secs(60);

/// One node, over a pool of connections. Clones share the pool.
#[derive(Clone, Debug)]
pub struct Api {
    http: Client<HttpConnector, Full<Bytes>>,
    /// Where the node listens.
    pub address: SocketAddr,
}

/// A response whose body has arrived completely.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status as received; sending does not check it.
    pub status: StatusCode,
    /// The headers as received, without trailers.
    pub headers: HeaderMap,
    /// The body as received: numbers are compared by their text.
    pub text: String,
}

impl Api {
    /// A client of the node at this address.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { http, address }
    }

    /// A request to `path`, without headers and body so far.
    #[must_use]
    pub fn request(&self, method: Method, path: &str) -> Builder {
        let uri = format!("http://{}{path}", self.address);
        Request::builder().method(method).uri(uri)
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When no whole response arrives.
    ///
    /// # Panics
    /// After [`RESPONSE_TIME_MAX`].
    pub async fn try_send(
        &self,
        request: Builder,
        body: impl Into<Bytes>,
    ) -> Result<Response, String> {
        let request = request
            .body(Full::new(body.into()))
            .expect("a valid request");
        let exchange = async {
            let response = self.http.request(request).await;
            let (head, body) = response.map_err(|error| format!("{error:?}"))?.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?;
            let text = String::from_utf8(body.to_bytes().to_vec()).expect("bodies are UTF-8");
            Ok(Response {
                status: head.status,
                headers: head.headers,
                text,
            })
        };
        tokio::time::timeout(RESPONSE_TIME_MAX, exchange)
            .await
            .expect("a response in time")
    }

    /// Sends a request and waits for its response, of whatever status.
    ///
    /// # Panics
    /// When no whole response arrives.
    pub async fn send(&self, request: Builder, body: impl Into<Bytes>) -> Response {
        self.try_send(request, body).await.expect("a response")
    }

    /// A POST to the API with the headers of most clients.
    #[must_use]
    pub fn post(&self) -> Builder {
        self.request(Method::POST, "/graphql")
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
    }

    /// Sends a GraphQL document with variables.
    pub async fn run_with(&self, document: &str, variables: Value) -> Response {
        let body = json!({ "query": document, "variables": variables });
        self.send(self.post(), body.to_string()).await
    }

    /// Sends a GraphQL document.
    pub async fn run(&self, document: &str) -> Response {
        self.run_with(document, json!({})).await
    }
}

impl Response {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|failure| panic!("not JSON ({failure}): {self:?}"))
    }

    /// The value in `data` at a JSON pointer.
    ///
    /// # Panics
    /// When the response has errors, or no such value.
    pub fn data(&self, pointer: &str) -> Value {
        let json = self.json();
        assert!(
            self.status == StatusCode::OK && json.get("errors").is_none(),
            "an unexpected error: {self:?}"
        );
        let found = json["data"].pointer(pointer);
        found
            .unwrap_or_else(|| panic!("nothing at {pointer}: {self:?}"))
            .clone()
    }

    /// The string in `data` at a JSON pointer.
    ///
    /// # Panics
    /// As [`Self::data`], and when the value is not a string.
    pub fn text_at(&self, pointer: &str) -> String {
        let found = self.data(pointer);
        let text = found.as_str();
        text.unwrap_or_else(|| panic!("no text at {pointer}: {self:?}"))
            .to_owned()
    }
}
