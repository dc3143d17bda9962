//! Rejections: the caller asked for something that cannot be. An answer, not a failure.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{AccountId, Code, Currency, Kind, OrderStatus, ProductId};

/// What is wrong with an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Flaw {
    /// Nothing, or only white space.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("must have at most {max} characters")]
    TooLong {
        /// Unicode scalar values allowed.
        max: usize,
    },
    /// More bytes than allowed.
    #[error("must have at most {max} bytes in UTF-8")]
    TooManyBytes {
        /// Bytes allowed.
        max: usize,
    },
    /// Neither this argument nor the other, of which there must be one.
    #[error("must be given, or {or}: there is nothing to change")]
    NothingToChange {
        /// The other argument.
        or: Cow<'static, str>,
    },
    /// A control character (NUL among them).
    #[error("must not contain control characters")]
    ControlCharacter,
    /// Not written as an id of this shop.
    #[error("is not an id of this shop (a UUID with hyphens, as the create mutations answer it)")]
    NotAnId,
    /// Not a decimal number.
    #[error("is not a decimal number")]
    NotANumber,
    /// Below zero.
    #[error("must not be negative")]
    Negative,
    /// More decimals than the currency has.
    #[error("has more than the {max} decimals of {currency}")]
    TooManyDecimals {
        /// Decimals of the currency.
        max: u8,
        /// The currency.
        currency: Currency,
    },
    /// An amount at or above the limit.
    #[error("is too large: amounts and totals stay below 10^13 minor units")]
    AmountTooLarge,
    /// Not a currency that amounts can be in.
    #[error("is not an ISO 4217 currency with minor units")]
    UnknownCurrency,
    /// A number outside its range.
    #[error("must be from {min} to {max}")]
    OutOfRange {
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// The same product on two lines.
    #[error("repeats a product of an earlier line; add the quantities up instead")]
    Repeated,
    /// Not a cursor that a connection answered.
    #[error("is not a cursor of this list")]
    NotACursor,
    /// An argument that contradicts another.
    #[error("cannot be given together with {other}")]
    NotWith {
        /// The other argument.
        other: Cow<'static, str>,
    },
    /// More entries than allowed.
    #[error("must have at most {max} entries")]
    TooMany {
        /// Entries allowed.
        max: usize,
    },
}

impl Flaw {
    /// A word for programs, beside the sentence for people.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::TooLong { .. } | Self::TooManyBytes { .. } => "TOO_LONG",
            Self::NothingToChange { .. } => "NOTHING_TO_CHANGE",
            Self::ControlCharacter => "CONTROL_CHARACTER",
            Self::NotAnId => "NOT_AN_ID",
            Self::NotANumber => "NOT_A_NUMBER",
            Self::Negative => "NEGATIVE",
            Self::TooManyDecimals { .. } => "TOO_MANY_DECIMALS",
            Self::AmountTooLarge => "AMOUNT_TOO_LARGE",
            Self::UnknownCurrency => "UNKNOWN_CURRENCY",
            Self::OutOfRange { .. } => "OUT_OF_RANGE",
            Self::Repeated => "REPEATED",
            Self::NotACursor => "NOT_A_CURSOR",
            Self::NotWith { .. } => "NOT_WITH",
            Self::TooMany { .. } => "TOO_MANY",
        }
    }
}

/// Why a command or a query was refused. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// An argument is not acceptable.
    #[error("{field} {flaw}")]
    Invalid {
        /// The argument, by the name clients use, such as `products[1].quantity`.
        field: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// What an argument names does not exist.
    #[error("{field}: there is no {kind} {id}")]
    NotFound {
        /// The argument.
        field: String,
        /// What was looked for.
        kind: Kind,
        /// The id as the client wrote it.
        id: String,
    },
    /// What an argument names does not exist, of whatever kind it were.
    #[error("{field}: there is nothing with the id {id}")]
    NothingFound {
        /// The argument.
        field: String,
        /// The id as the client wrote it.
        id: String,
    },
    /// The order's status does not allow the move.
    #[error("an order that is {from} cannot become {to}")]
    IllegalTransition {
        /// Its status.
        from: OrderStatus,
        /// The status asked for.
        to: OrderStatus,
    },
    /// The products of one order are priced in different currencies.
    #[error("{field} is priced in {found}, the lines before it in {expected}")]
    CurrencyMismatch {
        /// The line.
        field: String,
        /// The currency of the first line.
        expected: Currency,
        /// The currency of this one.
        found: Currency,
    },
    /// The account is closed.
    #[error("{field}: the account {id} is closed")]
    AccountClosed {
        /// The argument.
        field: String,
        /// The account.
        id: AccountId,
    },
    /// The product is withdrawn.
    #[error("{field}: the product {id} is withdrawn")]
    ProductWithdrawn {
        /// The argument.
        field: String,
        /// The product.
        id: ProductId,
    },
    /// The entity is at another version than the client expects.
    #[error("expectedVersion is {expected}, but it is at version {found}; read it again")]
    VersionMismatch {
        /// What the client expects.
        expected: u64,
        /// What it is at.
        found: u64,
    },
    /// The idempotency key was used before for another request.
    #[error("this idempotency key was used before with other content; use a new key")]
    KeyReused,
    /// The answer would take more memory than one may.
    #[error(
        "the answer would take more than {bytes_max} bytes of this node's memory: ask for less at a time"
    )]
    AnswerTooLarge {
        /// Bytes an answer may take.
        bytes_max: usize,
    },
}

impl Rejection {
    /// An argument that is not acceptable.
    pub fn invalid(field: impl Into<String>, flaw: Flaw) -> Self {
        Self::Invalid {
            field: field.into(),
            flaw,
        }
    }

    /// The code clients see.
    pub const fn code(&self) -> Code {
        match self {
            Self::Invalid { .. } => Code::InvalidArgument,
            Self::NotFound { kind, .. } => match kind {
                Kind::Account => Code::AccountNotFound,
                Kind::Product => Code::ProductNotFound,
                Kind::Order => Code::OrderNotFound,
            },
            Self::NothingFound { .. } => Code::NotFound,
            Self::IllegalTransition { .. } => Code::IllegalTransition,
            Self::CurrencyMismatch { .. } => Code::CurrencyMismatch,
            Self::AccountClosed { .. } => Code::AccountClosed,
            Self::ProductWithdrawn { .. } => Code::ProductWithdrawn,
            Self::VersionMismatch { .. } => Code::VersionMismatch,
            Self::KeyReused => Code::IdempotencyKeyReused,
            Self::AnswerTooLarge { .. } => Code::AnswerTooLarge,
        }
    }

    /// The argument at fault, where there is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. }
            | Self::NotFound { field, .. }
            | Self::NothingFound { field, .. }
            | Self::AccountClosed { field, .. }
            | Self::ProductWithdrawn { field, .. }
            | Self::CurrencyMismatch { field, .. } => Some(field),
            Self::VersionMismatch { .. } => Some("expectedVersion"),
            Self::KeyReused => Some("idempotencyKey"),
            Self::IllegalTransition { .. } | Self::AnswerTooLarge { .. } => None,
        }
    }

    /// The same rejection with the argument's name seen from outside: `name` inside `account` is
    /// `account.name`.
    pub fn inside(mut self, argument: &str) -> Self {
        match &mut self {
            Self::Invalid { field, .. }
            | Self::NotFound { field, .. }
            | Self::NothingFound { field, .. }
            | Self::AccountClosed { field, .. }
            | Self::ProductWithdrawn { field, .. }
            | Self::CurrencyMismatch { field, .. } => *field = format!("{argument}.{field}"),
            Self::KeyReused
            | Self::IllegalTransition { .. }
            | Self::VersionMismatch { .. }
            | Self::AnswerTooLarge { .. } => {}
        }
        self
    }
}
