//! The outcome of one request.

/// The outcome of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The response is the expected one.
    Accepted,
    Rejected(Rejection),
    /// No complete response; a short name of the cause.
    Lost(&'static str),
}

/// A response other than the expected one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rejection {
    /// A GraphQL error with this code.
    Code(String),
    /// An HTTP status without a GraphQL error.
    HttpStatus(u16),
    /// A response without an error that is not the expected one.
    WrongResponse,
}
