//! The limits of the HTTP front end.

use std::time::Duration;

use tokio::sync::Semaphore;

/// The limits of the HTTP front end.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// For a request, from the first byte of its body to the response, waiting included.
    pub request_timeout: Duration,
    /// Bytes of one request body.
    pub body_bytes_max: usize,
    /// Bytes of all request bodies in flight.
    pub body_bytes_total_max: usize,
    /// Requests executed concurrently; as many again may be parked while they wait for another
    /// node.
    pub requests_max: usize,
    /// For a request to wait for one of these places; zero refuses at once.
    pub queue_time_max: Duration,
    /// Bytes of memory that one response may take.
    pub response_bytes_max: usize,
    /// Bytes of memory that all responses in flight share, beyond what each has reserved for
    /// itself.
    pub response_bytes_total_max: usize,
    /// Web origins whose pages may call the API; `*` for any.
    pub cors_origins: Vec<String>,
    /// Request headers that these pages may send, beside those of the API; in lower case.
    pub cors_headers: Vec<String>,
    /// Whether only documents listed by the operator are executed.
    pub documents_only: bool,
    /// Whether clients may read the schema.
    pub introspection: bool,
    /// Whether the page at `/` is served.
    pub explorer: bool,
    /// Whether responses are compressed for clients that accept it.
    pub compression: bool,
    /// Whether this node serves clients; otherwise `/graphql` returns 404.
    pub serves_clients: bool,
}

impl HttpConfig {
    /// No limit on what requests and responses take together, and no CORS.
    pub const fn unlimited(request_timeout: Duration, body_bytes_max: usize) -> Self {
        let no_limit = Semaphore::MAX_PERMITS;
        Self {
            request_timeout,
            body_bytes_max,
            body_bytes_total_max: no_limit,
            requests_max: no_limit,
            queue_time_max: Duration::ZERO,
            response_bytes_max: no_limit,
            response_bytes_total_max: no_limit,
            cors_origins: Vec::new(),
            cors_headers: Vec::new(),
            documents_only: false,
            introspection: true,
            explorer: true,
            compression: true,
            serves_clients: true,
        }
    }
}
