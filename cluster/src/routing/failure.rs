//! What a caller is sent when a request may have been done although no reply arrived.

use fritzy_types::Failure;

/// The failure of a request whose connection was lost.
pub(crate) fn connection_lost() -> Failure {
    Failure::OutcomeUnknown("the connection to the node that handled it was lost".into())
}

/// The failure of a repeated request whose first attempt may have been done. That the repetition
/// was not done proves nothing of the first attempt.
pub(crate) fn after_unknown_outcome(failure: Failure) -> Failure {
    match failure {
        Failure::Unavailable(_) | Failure::NotOwner | Failure::Overloaded => connection_lost(),
        other => other,
    }
}
