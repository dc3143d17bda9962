//! An HTTP client for one node, as both test crates use it: one request, one answer, nothing hidden.

pub(crate) mod load;

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

/// A node that has not answered by then never will: debug builds on busy machines need seconds.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// One node, over a pool of connections. Clones share the pool.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    http: Client<HttpConnector, Full<Bytes>>,
    pub(crate) address: SocketAddr,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body as it came: numbers are compared by their text.
    pub(crate) text: String,
}

impl Api {
    pub(crate) fn at(address: SocketAddr) -> Self {
        let http = Client::builder(TokioExecutor::new()).build_http();
        Self { http, address }
    }

    /// A request to `path`, still without headers and body.
    pub(crate) fn request(&self, method: Method, path: &str) -> Builder {
        let uri = format!("http://{}{path}", self.address);
        Request::builder().method(method).uri(uri)
    }

    /// Sends a request; an error says that no whole answer came.
    pub(crate) async fn try_send(
        &self,
        request: Builder,
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let request = request
            .body(Full::new(body.into()))
            .expect("a test writes sound requests");
        let exchange = async {
            let response = self.http.request(request).await;
            let (head, body) = response.map_err(|error| format!("{error:?}"))?.into_parts();
            let body = body.collect().await.map_err(|error| error.to_string())?;
            let text = String::from_utf8(body.to_bytes().to_vec()).expect("bodies are UTF-8");
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                text,
            })
        };
        tokio::time::timeout(ANSWER_TIME_MAX, exchange)
            .await
            .expect("an answer in time")
    }

    /// Sends a request and waits for its answer, whatever it says.
    pub(crate) async fn send(&self, request: Builder, body: impl Into<Bytes>) -> Answer {
        self.try_send(request, body)
            .await
            .expect("the node answers")
    }

    /// A POST to the API as most clients write it.
    pub(crate) fn post(&self) -> Builder {
        self.request(Method::POST, "/graphql")
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
    }

    /// Sends a document with its variables.
    pub(crate) async fn run_with(&self, document: &str, variables: Value) -> Answer {
        let body = json!({ "query": document, "variables": variables });
        self.send(self.post(), body.to_string()).await
    }

    /// Sends a document.
    pub(crate) async fn run(&self, document: &str) -> Answer {
        self.run_with(document, json!({})).await
    }
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|failure| panic!("no JSON ({failure}): {self:?}"))
    }

    /// What `data` holds at `pointer`, of an answer without errors.
    pub(crate) fn data(&self, pointer: &str) -> Value {
        let json = self.json();
        assert!(
            self.status == StatusCode::OK && json.get("errors").is_none(),
            "no error was expected: {self:?}"
        );
        let found = json["data"].pointer(pointer);
        found
            .unwrap_or_else(|| panic!("nothing at {pointer}: {self:?}"))
            .clone()
    }

    /// The text that `data` holds at `pointer`.
    pub(crate) fn text_at(&self, pointer: &str) -> String {
        let found = self.data(pointer);
        let text = found.as_str();
        text.unwrap_or_else(|| panic!("no text at {pointer}: {self:?}"))
            .to_owned()
    }
}
