//! Rejections: a rule forbids the request. A result, not a failure.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Code, Currency, EntityId, Flaw, Kind, OrderStatus, ProductId};

/// Why a command or a query was rejected. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// An argument is invalid.
    #[error("{field} {flaw}")]
    Invalid {
        /// The argument by its name in the API, such as `products[1].quantity`.
        field: String,
        /// Why it is invalid.
        flaw: Flaw,
    },
    /// The entity that an argument names does not exist.
    #[error("{field}: there is no {kind} {id}")]
    NotFound {
        /// The argument by its name in the API.
        field: String,
        /// The kind of entity that was requested.
        kind: Kind,
        /// The id as in the request.
        id: String,
    },
    /// No entity of any kind has the id in an argument.
    #[error("{field}: no entity has the id {id}")]
    NothingFound {
        /// The argument by its name in the API.
        field: String,
        /// The id as in the request.
        id: String,
    },
    /// The status of the order does not allow the transition.
    #[error("an order that is {from} cannot become {to}")]
    IllegalTransition {
        /// The status of the order.
        from: OrderStatus,
        /// The status that the command leads to where it is allowed.
        to: OrderStatus,
    },
    /// The products of one order are priced in different currencies.
    #[error("{field} is priced in {found}, the lines before it in {expected}")]
    CurrencyMismatch {
        /// The line, such as `products[1].productId`.
        field: String,
        /// The currency of the first line.
        expected: Currency,
        /// The currency of this line.
        found: Currency,
    },
    /// The account is closed.
    #[error("{field}: the account {id} is closed")]
    AccountClosed {
        /// The argument by its name in the API.
        field: String,
        /// The id of the account.
        id: AccountId,
    },
    /// The product is withdrawn.
    #[error("{field}: the product {id} is withdrawn")]
    ProductWithdrawn {
        /// The argument by its name in the API.
        field: String,
        /// The id of the product.
        id: ProductId,
    },
    /// The entity is not at the version that the client expects.
    #[error("expectedVersion is {expected}, but it is at version {found}; read it again")]
    VersionMismatch {
        /// The version that the client expects.
        expected: u64,
        /// The version of the entity.
        found: u64,
    },
    /// The idempotency key was used before for another request.
    #[error("this idempotency key was used before with other content; use a new key")]
    KeyReused,
    /// The response would need more memory than one response may.
    #[error(
        "the response would take more than {bytes_max} bytes of this node's memory: request less at a time"
    )]
    AnswerTooLarge {
        /// The bytes that one response may take.
        bytes_max: usize,
    },
    /// Another entity of the same kind has the external reference.
    #[error("{field}: {holder} has this reference")]
    AlreadyTaken {
        /// The argument by its name in the API.
        field: String,
        /// The entity that has it.
        holder: EntityId,
    },
}

impl Rejection {
    /// The rejection of an invalid argument.
    pub fn invalid(field: impl Into<String>, flaw: Flaw) -> Self {
        Self::Invalid {
            field: field.into(),
            flaw,
        }
    }

    /// The error code of the API.
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
            Self::AlreadyTaken { .. } => Code::AlreadyTaken,
        }
    }

    /// The argument at fault, if the rejection is about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. }
            | Self::NotFound { field, .. }
            | Self::NothingFound { field, .. }
            | Self::AccountClosed { field, .. }
            | Self::ProductWithdrawn { field, .. }
            | Self::CurrencyMismatch { field, .. }
            | Self::AlreadyTaken { field, .. } => Some(field),
            Self::VersionMismatch { .. } => Some("expectedVersion"),
            Self::KeyReused => Some("idempotencyKey"),
            Self::IllegalTransition { .. } | Self::AnswerTooLarge { .. } => None,
        }
    }

    /// The same rejection for a nested argument: `name` inside `account` is `account.name`.
    pub fn inside(mut self, argument: &str) -> Self {
        match &mut self {
            Self::Invalid { field, .. }
            | Self::NotFound { field, .. }
            | Self::NothingFound { field, .. }
            | Self::AccountClosed { field, .. }
            | Self::ProductWithdrawn { field, .. }
            | Self::CurrencyMismatch { field, .. }
            | Self::AlreadyTaken { field, .. } => *field = format!("{argument}.{field}"),
            Self::KeyReused
            | Self::IllegalTransition { .. }
            | Self::VersionMismatch { .. }
            | Self::AnswerTooLarge { .. } => {}
        }
        self
    }
}
