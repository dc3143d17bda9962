//! Custom scalars: exact decimals under the name `Float`, timestamps, minor units.

use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};
use fritzy_domain::Money;
use fritzy_types::{Timestamp, from_rfc3339, rfc3339};

/// A number as text. The schema names it `Float`, as the seed did.
#[derive(Clone, Debug)]
pub(crate) struct Decimal(pub(crate) String);

/// Signed decimal number. Amounts are exact: they are read as text and never computed as doubles.
#[Scalar(name = "Float")]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            // The shortest text that reads back as the same number.
            Value::Number(number) => Ok(Self(number.to_string())),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::Number(_))
    }

    fn to_value(&self) -> Value {
        // Amounts have at most 15 digits: their double prints as the same decimal.
        let number = self.0.parse().ok().and_then(Number::from_f64);
        number.map_or(Value::Null, Value::Number)
    }
}

impl From<Money> for Decimal {
    fn from(money: Money) -> Self {
        Self(money.to_string())
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) Timestamp);

/// Timestamp by RFC 3339, in UTC, such as 2026-11-22T19:34:33.123456Z.
#[Scalar(
    name = "Time",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339"
)]
impl ScalarType for Time {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        from_rfc3339(text)
            .map(Self)
            .map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::String(rfc3339(self.0))
    }
}

/// An integer number of minor units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MinorUnits(pub(crate) i64);

/// Integer number of minor units, such as cents. It exceeds `Int`, and stays below 10^13, so that
/// every JSON parser reads it exactly.
#[Scalar(name = "MinorUnits")]
impl ScalarType for MinorUnits {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => match number.as_i64() {
                Some(number) => Ok(Self(number)),
                None => Err(InputValueError::custom("is not a whole number")),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        matches!(value, Value::Number(_))
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

#[cfg(test)]
mod tests {
    use fritzy_domain::Currency;

    use super::*;

    #[test]
    fn amount_is_written_as_it_was_read() {
        for text in ["999.99", "0.1", "1999.98", "99999999999.99", "14.66", "0.0"] {
            let number: Number = text.parse::<serde_json::Number>().expect("a number");
            let decimal = Decimal::parse(Value::Number(number)).expect("a number");
            let money = Money::parse(&decimal.0, Currency::USD, "price").expect("an amount");
            let out = Decimal::from(money).to_value();
            assert_eq!(out.to_string(), text);
        }
    }

    #[test]
    fn timestamps_are_rfc_3339_in_utc() {
        let text = "1997-01-18T12:34:56.789012Z";
        let time = Time::parse(Value::String(text.into())).expect("a timestamp");
        assert_eq!(time.to_value(), Value::String(text.into()));
        assert!(Time::parse(Value::String("yesterday".into())).is_err());
    }
}
