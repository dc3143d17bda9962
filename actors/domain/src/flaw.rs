//! Flaws: why an argument is invalid.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Currency;

/// Why an argument is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Flaw {
    /// The text is empty, or only white space and invisible characters.
    #[error("must not be empty")]
    Empty,
    /// The text has more characters than allowed.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The number of characters (Unicode scalar values) allowed.
        max: usize,
    },
    /// The text has more bytes than allowed.
    #[error("must have at most {max} bytes in UTF-8")]
    TooManyBytes {
        /// The number of bytes allowed.
        max: usize,
    },
    /// Neither this argument nor the other was given, and one is needed.
    #[error("must be given, or {or}: nothing would change")]
    NothingToChange {
        /// The name of the other argument.
        or: Cow<'static, str>,
    },
    /// The text has a control character, such as NUL, or a line break where one line is required.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// The text is not a hyphenated UUID.
    #[error("is not an id of this shop (a UUID with hyphens, as the create mutations return it)")]
    NotAnId,
    /// The text is not a decimal number.
    #[error("is not a decimal number")]
    NotANumber,
    /// The number is below zero.
    #[error("must not be negative")]
    Negative,
    /// The amount has more decimals than the currency.
    #[error("has more than the {max} decimals of {currency}")]
    TooManyDecimals {
        /// The number of decimals of the currency.
        max: u8,
        /// The currency of the amount.
        currency: Currency,
    },
    /// The amount is at or above the limit.
    #[error("is too large: amounts and totals stay below 10^13 minor units")]
    AmountTooLarge,
    /// The text is not the code of a currency with minor units.
    #[error("is not an ISO 4217 currency with minor units")]
    UnknownCurrency,
    /// The number is outside its range.
    #[error("must be from {min} to {max}")]
    OutOfRange {
        /// The smallest allowed value.
        min: i64,
        /// The largest allowed value.
        max: i64,
    },
    /// Two lines have the same product.
    #[error("repeats a product of an earlier line; add the quantities up instead")]
    Repeated,
    /// The text is not a cursor that a connection has returned.
    #[error("is not a cursor of this list")]
    NotACursor,
    /// The argument contradicts another one.
    #[error("cannot be given together with {other}")]
    NotWith {
        /// The name of the other argument.
        other: Cow<'static, str>,
    },
    /// The list has more entries than allowed.
    #[error("must have at most {max} entries")]
    TooMany {
        /// The number of entries allowed.
        max: usize,
    },
    /// The text is not the name of a type with a key.
    #[error("is not the name of an entity: Account, Product or Order")]
    NotAnEntity,
    /// The text is not a key of metadata.
    #[error("must be ASCII letters, digits, `_`, `-`, `.` and `:` only")]
    NotAKey,
    /// Two entries have the same key.
    #[error("repeats the key of an earlier entry")]
    RepeatedKey,
}

impl Flaw {
    /// The reason as a constant for programs; `Display` has the text for people.
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
            Self::Repeated | Self::RepeatedKey => "REPEATED",
            Self::NotACursor => "NOT_A_CURSOR",
            Self::NotWith { .. } => "NOT_WITH",
            Self::TooMany { .. } => "TOO_MANY",
            Self::NotAnEntity => "NOT_AN_ENTITY",
            Self::NotAKey => "NOT_A_KEY",
        }
    }
}
