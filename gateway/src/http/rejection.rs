//! Rejections of HTTP requests before they become GraphQL requests.

use fritzy_domain::Code;
use fritzy_types::Failure;
use warp::http::{HeaderName, StatusCode, header};

/// Why an HTTP request did not become a GraphQL request, or its execution was aborted.
pub(super) struct HttpRejection {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// A header that tells clients more.
    pub(super) header: Option<(HeaderName, &'static str)>,
}

impl HttpRejection {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// A failure, with the code and the message that it has everywhere else.
    fn failed(status: StatusCode, failure: &Failure) -> Self {
        Self::new(status, Code::from(failure).as_str(), failure.to_string())
    }

    pub(super) fn timed_out() -> Self {
        Self::failed(StatusCode::GATEWAY_TIMEOUT, &Failure::DeadlineExceeded)
    }

    /// The body did not arrive in time. Unlike other time-outs, this one certainly executed
    /// nothing.
    pub(super) fn incomplete() -> Self {
        let message = "the body did not arrive completely in time; nothing was executed";
        let code = Code::DeadlineExceeded.as_str();
        Self::new(StatusCode::REQUEST_TIMEOUT, code, message)
    }

    pub(super) fn too_complex(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "DOCUMENT_TOO_COMPLEX", message)
    }

    pub(super) fn overloaded() -> Self {
        Self::failed(StatusCode::SERVICE_UNAVAILABLE, &Failure::Overloaded)
            .with_header(header::RETRY_AFTER, "1")
    }

    /// Apollo's clients look for this message, and for this status as well: some of them read no
    /// response of another.
    pub(super) fn persisted_query_not_found() -> Self {
        let (code, message) = ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound");
        // It will be registered, at once.
        Self::new(StatusCode::OK, code, message).with_header(header::CACHE_CONTROL, "no-store")
    }

    /// As [`Self::persisted_query_not_found`].
    pub(super) fn persisted_query_not_supported() -> Self {
        let (code, message) = (
            "PERSISTED_QUERY_NOT_SUPPORTED",
            "PersistedQueryNotSupported",
        );
        // It will be registered, at once.
        Self::new(StatusCode::OK, code, message).with_header(header::CACHE_CONTROL, "no-store")
    }

    pub(super) fn document_not_allowed() -> Self {
        let message = "this document is not among those that the operator of this API lists";
        Self::new(StatusCode::FORBIDDEN, "DOCUMENT_NOT_ALLOWED", message)
    }

    pub(super) fn method_not_allowed(message: &str) -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "METHOD_NOT_ALLOWED", message).with_header(header::ALLOW, "GET, POST")
    }

    pub(super) fn unsupported_encoding() -> Self {
        let message = "the content encoding of a body is gzip, or none";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "UNSUPPORTED_MEDIA_TYPE", message)
            .with_header(header::ACCEPT_ENCODING, "gzip")
    }

    pub(super) fn not_acceptable(message: &str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message)
    }

    /// The browser does not show it to the page, but to its developer.
    pub(super) fn cors_refused(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "CORS_REFUSED", message)
    }

    /// A bug. Whether anything took effect is not known.
    pub(super) fn internal() -> Self {
        Self::failed(StatusCode::INTERNAL_SERVER_ERROR, &Failure::Internal)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}
