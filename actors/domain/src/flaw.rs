//! Flaws: what can be wrong with an argument.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Currency;

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
