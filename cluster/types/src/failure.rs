//! Failures of the system while it handles a request; never the caller's fault.

/// Why a request has no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The request cannot be handled now. Nothing was written.
    #[error("temporarily unavailable, nothing was written: {0}")]
    Unavailable(String),
    /// This node does not own the shard any more. Nothing was written; the request can be sent to
    /// the owner.
    #[error("another node owns this shard now; nothing was written")]
    NotOwner,
    /// Too many requests wait. Nothing was written.
    #[error("too many requests are waiting, nothing was written; try again later")]
    Overloaded,
    /// The deadline passed. A write may or may not have happened.
    #[error(
        "the deadline passed; whether a mutation took effect is unknown: repeat it with the same \
         idempotency key"
    )]
    DeadlineExceeded,
    /// The response was lost, with the reason. A write may or may not have happened.
    #[error(
        "the response was lost ({0}); whether the request took effect is unknown: repeat it with the \
         same idempotency key"
    )]
    OutcomeUnknown(String),
    /// A defect of this program. A write may or may not have happened.
    #[error(
        "an internal error, which is in the log; repeating the request with the same key is safe"
    )]
    Internal,
}
