//! Why a document is not executed.

use async_graphql::ServerError;

/// Why a document is not executed.
#[derive(Debug)]
pub(crate) enum DocumentError {
    /// It is beyond a limit; the message says which.
    TooComplex(String),
    /// It is not GraphQL.
    Syntax(ServerError),
    /// It breaks rules of validation: at least one, sorted by position.
    Invalid(Vec<ServerError>),
}

/// Why an operation of a valid document is not executed with these variables.
#[derive(Debug)]
pub(crate) enum MergeError {
    /// It is beyond a limit; the message says which.
    TooComplex(String),
    /// A variable of `@skip` or `@include` is null.
    NullCondition(ServerError),
}
