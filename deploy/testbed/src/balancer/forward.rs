//! Forwards one request to a ready backend, and streams its response back.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use tokio::time::timeout;

use super::Backends;
use super::backend::{Backend, Connection};

/// Until the head of a response: a node responds within 10 s by default.
const RESPONSE_TIME_MAX: Duration = Duration::from_secs(60);

/// Hop-by-hop headers, which are not forwarded.
const OF_ONE_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

type ProxyResponse = Response<Either<Incoming, Full<Bytes>>>;

/// Why there is no response of a backend.
enum Failed {
    /// Nothing of the request was sent; the text says why.
    NotSent(&'static str),
    /// Something was sent, and no response arrived.
    Lost(&'static str),
}

/// Forwards a request. Failures are reported in the response in the API's own form.
pub(super) async fn forward(backends: &Backends, mut request: Request<Incoming>) -> ProxyResponse {
    remove_of_one_connection(request.headers_mut());
    let outcome = match connection(backends).await {
        Ok((backend, connection)) => send(backend, connection, request).await,
        Err(failed) => Err(failed),
    };
    match outcome {
        Ok(response) => response,
        Err(Failed::NotSent(why)) => {
            let mut response = error(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", why);
            let soon = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, soon);
            response
        }
        Err(Failed::Lost(why)) => error(StatusCode::BAD_GATEWAY, "DEADLINE_EXCEEDED", why),
    }
}

/// A connection to the first backend in turn that does not refuse it. Other connect errors are not
/// retried elsewhere: they say less about the backend, and clients must be able to rely on how
/// often their request may be sent.
async fn connection(backends: &Backends) -> Result<(Arc<Backend>, Connection), Failed> {
    for backend in backends.in_turn() {
        match backend.connection().await {
            Ok(connection) => return Ok((backend, connection)),
            Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => {
                return Err(Failed::NotSent(
                    "the node cannot be reached; nothing was sent",
                ));
            }
        }
    }
    Err(Failed::NotSent("no node is ready; nothing was sent"))
}

async fn send(
    backend: Arc<Backend>,
    mut connection: Connection,
    request: Request<Incoming>,
) -> Result<ProxyResponse, Failed> {
    let exchange = timeout(RESPONSE_TIME_MAX, connection.sender.send_request(request)).await;
    let response = match exchange {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            let why =
                "the connection to the node was lost; whether the request was done is not known";
            return Err(Failed::Lost(why));
        }
        Err(_) => {
            let why = "the node has not responded; whether the request was done is not known";
            return Err(Failed::Lost(why));
        }
    };
    tokio::spawn(async move {
        // After the response has passed. An error means that the backend closes the connection with
        // it.
        if connection.sender.ready().await.is_ok() {
            backend.keep(connection);
        }
    });
    let mut response = response.map(Either::Left);
    remove_of_one_connection(response.headers_mut());
    Ok(response)
}

/// Headers that `Connection` names are hop-by-hop as well.
fn remove_of_one_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_ONE_CONNECTION) {
        headers.remove(name);
    }
}

fn error(status: StatusCode, code: &str, message: &str) -> ProxyResponse {
    let json =
        format!(r#"{{"errors":[{{"message":"{message}","extensions":{{"code":"{code}"}}}}]}}"#);
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(json))));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/json; charset=utf-8");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}
