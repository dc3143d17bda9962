//! The error codes of the API. `docs/errors.md` documents them for clients.

use std::fmt;

use fritzy_types::Failure;

/// The value of `extensions.code`. A published code never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// An argument is invalid; `field` and `reason` say which and why.
    InvalidArgument,
    /// The account does not exist.
    AccountNotFound,
    /// The product does not exist.
    ProductNotFound,
    /// The order does not exist.
    OrderNotFound,
    /// No entity of any kind has this id.
    NotFound,
    /// The order's status does not allow this.
    IllegalTransition,
    /// The products of one order are priced in different currencies.
    CurrencyMismatch,
    /// The account is closed.
    AccountClosed,
    /// The product is withdrawn.
    ProductWithdrawn,
    /// The entity is not at the version that the client expects.
    VersionMismatch,
    /// The idempotency key was used before, with other content.
    IdempotencyKeyReused,
    /// Another entity of the kind has the external reference.
    AlreadyTaken,
    /// The response would need more memory than one response may.
    AnswerTooLarge,
    /// Search is not available; everything else is.
    SearchUnavailable,
    /// The node cannot do this now; nothing was written. Retry.
    Unavailable,
    /// Too many requests are queued; nothing was written. Retry later.
    Overloaded,
    /// The time limit has passed; a write may have taken effect. Repeat it with the same key.
    DeadlineExceeded,
    /// A defect of the node; repeating the request with the same key is safe.
    Internal,
}

impl Code {
    /// All codes, in the order of their declaration.
    pub const ALL: [Self; 18] = [
        Self::InvalidArgument,
        Self::AccountNotFound,
        Self::ProductNotFound,
        Self::OrderNotFound,
        Self::NotFound,
        Self::IllegalTransition,
        Self::CurrencyMismatch,
        Self::AccountClosed,
        Self::ProductWithdrawn,
        Self::VersionMismatch,
        Self::IdempotencyKeyReused,
        Self::AlreadyTaken,
        Self::AnswerTooLarge,
        Self::SearchUnavailable,
        Self::Unavailable,
        Self::Overloaded,
        Self::DeadlineExceeded,
        Self::Internal,
    ];

    /// The code as the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::AccountNotFound => "ACCOUNT_NOT_FOUND",
            Self::ProductNotFound => "PRODUCT_NOT_FOUND",
            Self::OrderNotFound => "ORDER_NOT_FOUND",
            Self::NotFound => "NOT_FOUND",
            Self::IllegalTransition => "ILLEGAL_TRANSITION",
            Self::CurrencyMismatch => "CURRENCY_MISMATCH",
            Self::AccountClosed => "ACCOUNT_CLOSED",
            Self::ProductWithdrawn => "PRODUCT_WITHDRAWN",
            Self::VersionMismatch => "VERSION_MISMATCH",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::AlreadyTaken => "ALREADY_TAKEN",
            Self::AnswerTooLarge => "ANSWER_TOO_LARGE",
            Self::SearchUnavailable => "SEARCH_UNAVAILABLE",
            Self::Unavailable => "UNAVAILABLE",
            Self::Overloaded => "OVERLOADED",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Internal => "INTERNAL",
        }
    }

    /// Whether the same request can succeed later.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::SearchUnavailable
                | Self::Unavailable
                | Self::Overloaded
                | Self::DeadlineExceeded
                | Self::Internal
        )
    }
}

impl From<&Failure> for Code {
    /// The code that clients see for a failure of the system.
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Unavailable(_) | Failure::NotOwner => Self::Unavailable,
            Failure::Overloaded => Self::Overloaded,
            Failure::DeadlineExceeded | Failure::OutcomeUnknown(_) => Self::DeadlineExceeded,
            Failure::Internal => Self::Internal,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
