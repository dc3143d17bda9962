//! How one request ended.

/// How one request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered with what was asked for.
    Accepted,
    /// Answered, but not with that.
    Refused(Refusal),
    /// No whole answer; a short name of what happened instead.
    Lost(&'static str),
}

/// What was answered instead of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    /// An error with this code.
    Code(String),
    /// An HTTP status without an error that has a code.
    HttpStatus(u16),
    /// Something else than what was asked for, and no error.
    WrongAnswer,
}
