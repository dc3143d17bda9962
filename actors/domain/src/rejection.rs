//! Rejections: the caller asked for something that cannot be. An answer, not a failure.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Code, Currency, Flaw, Kind, OrderStatus, ProductId};

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
