//! The codes of errors as a type of the schema, for clients that generate code from it.

use async_graphql::Enum;

/// Code of an error, in `extensions.code`. A published code keeps its meaning; further ones may be
/// added.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
pub(super) enum ErrorCode {
    /// An argument is invalid; `field` and `reason` say which and why. Nothing was written.
    InvalidArgument,
    /// The account does not exist.
    AccountNotFound,
    /// The product does not exist.
    ProductNotFound,
    /// The order does not exist.
    OrderNotFound,
    /// No account, product or order has this id.
    NotFound,
    /// The order's status does not allow this transition.
    IllegalTransition,
    /// The products of one order are priced in different currencies.
    CurrencyMismatch,
    /// The account is closed.
    AccountClosed,
    /// The product is withdrawn.
    ProductWithdrawn,
    /// The entity is not at `expectedVersion`.
    VersionMismatch,
    /// The key was used before, for the same mutation with other content.
    IdempotencyKeyReused,
    /// Another account, product or order has the external reference; `holder` is its id.
    AlreadyTaken,
    /// The response would exceed its memory budget.
    AnswerTooLarge,
    /// Search is unavailable; everything else works.
    SearchUnavailable,
    /// The request cannot be done now; nothing was written. Retry with growing delays.
    Unavailable,
    /// Too many requests are waiting; nothing was written. Retry with growing delays.
    Overloaded,
    /// No response in time; a mutation may have taken effect. Repeat it with the same key.
    DeadlineExceeded,
    /// A bug in the server; a mutation may have taken effect. Repeat it with the same key.
    Internal,
    /// The document is not GraphQL.
    GraphqlParseFailed,
    /// The document breaks a rule of validation, or has no such operation.
    GraphqlValidationFailed,
    /// A variable is missing, or has a value that its type or its use does not allow.
    BadUserInput,
    /// The HTTP request is not a GraphQL request.
    BadRequest,
    /// No document is registered under this hash: send it as `query` together with its hash.
    PersistedQueryNotFound,
    /// The version of `persistedQuery` is not 1: send the document as `query`.
    PersistedQueryNotSupported,
    /// This API executes only the documents that its operator lists.
    DocumentNotAllowed,
    /// This API does not serve its schema.
    IntrospectionDisabled,
    /// One of the limits of a document is exceeded.
    DocumentTooComplex,
    /// The `accept` header allows neither media type of a response.
    NotAcceptable,
    /// The content type is not JSON in UTF-8, or the content encoding not gzip.
    UnsupportedMediaType,
    /// Neither POST nor GET, or a mutation by GET.
    MethodNotAllowed,
    /// The body is larger than this node allows.
    PayloadTooLarge,
    /// The origin, method or headers of a web page's request are not allowed.
    CorsRefused,
}
