//! Failures of the world on the way to an answer; never the caller's fault.

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It cannot be done now. Nothing was written.
    #[error("not available now, nothing was written: {0}")]
    Unavailable(String),
    /// This node does not own the shard any more. Nothing was written; its owner can be asked.
    #[error("another node has taken this shard; nothing was written")]
    NotOwner,
    /// Too much is waiting. Nothing was written.
    #[error("too much is waiting already, nothing was written; try again later")]
    Overloaded,
    /// The deadline passed. A write may or may not have happened.
    #[error(
        "the time limit passed; whether a mutation took effect is not known: repeat it with the same \
         idempotency key"
    )]
    DeadlineExceeded,
    /// A write may or may not have happened.
    #[error(
        "the answer was lost ({0}); whether the request took effect is not known: repeat it with the \
         same idempotency key"
    )]
    OutcomeUnknown(String),
    /// A defect of this program. A write may or may not have happened.
    #[error("an internal error, logged here; repeating the request with the same key is safe")]
    Internal,
}
