//! Parses arguments of clients: text becomes an id or an amount, or a rejection that names the
//! argument.

use crate::{AccountId, Currency, Flaw, Money, OrderId, ProductId, Rejection};

/// An optional argument of which absent and null mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument<T> {
    /// It was not given.
    Absent,
    /// It was given as null.
    Null,
    /// It has a value.
    Value(T),
}

impl<T> Argument<T> {
    /// The same argument with another value.
    pub fn map<U>(self, value: impl FnOnce(T) -> U) -> Argument<U> {
        match self {
            Self::Absent => Argument::Absent,
            Self::Null => Argument::Null,
            Self::Value(given) => Argument::Value(value(given)),
        }
    }
}

macro_rules! parse_id {
    ($name:ident) => {
        impl $name {
            /// Parses the id in the argument `field`.
            ///
            /// # Errors
            /// When the text is not a hyphenated UUID ([`Flaw::NotAnId`]).
            pub fn parse(text: &str, field: &str) -> Result<Self, Rejection> {
                Self::from_hyphenated(text).ok_or_else(|| Rejection::invalid(field, Flaw::NotAnId))
            }
        }
    };
}

parse_id!(AccountId);
parse_id!(ProductId);
parse_id!(OrderId);

impl Money {
    /// Parses the amount in the argument `field`, as [`Money::from_decimal`] does.
    ///
    /// # Errors
    /// When the text is not an amount of this currency; the rejection names `field` and the flaw.
    pub fn parse(text: &str, currency: Currency, field: &str) -> Result<Self, Rejection> {
        Self::from_decimal(text, currency).map_err(|flaw| Rejection::invalid(field, flaw))
    }
}
