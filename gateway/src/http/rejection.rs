//! Rejections of HTTP requests before they become GraphQL requests.

use fritzy_domain::Code;
use fritzy_types::Failure;
use warp::http::StatusCode;

/// Why an HTTP request did not become a GraphQL request, or its execution was aborted.
pub(super) struct HttpRejection {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl HttpRejection {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
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
    }

    /// Apollo's clients look for this message, and for this status as well: some of them read no
    /// response of another.
    pub(super) fn persisted_query_not_found() -> Self {
        let (code, message) = ("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound");
        Self::new(StatusCode::OK, code, message)
    }

    /// As [`Self::persisted_query_not_found`].
    pub(super) fn persisted_query_not_supported() -> Self {
        let (code, message) = ("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported");
        Self::new(StatusCode::OK, code, message)
    }

    pub(super) fn document_not_allowed() -> Self {
        let message = "this document is not among those that the operator of this API lists";
        Self::new(StatusCode::FORBIDDEN, "DOCUMENT_NOT_ALLOWED", message)
    }

    /// A bug. Whether anything took effect is not known.
    pub(super) fn internal() -> Self {
        Self::failed(StatusCode::INTERNAL_SERVER_ERROR, &Failure::Internal)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }
}
