//! Money: whole minor units and a currency. Amounts are parsed from and formatted as decimal text,
//! and never computed as floats.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Currency, Flaw};

/// Amounts and totals are below this many minor units, 10^13. Up to there the shortest decimal of a
/// double is the decimal that was written, for any number of decimals.
pub const MINOR_UNITS_END: i64 = 10_000_000_000_000;

/// An amount from 0 up to [`MINOR_UNITS_END`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    #[serde(rename = "minor")]
    minor_units: i64,
    currency: Currency,
}

impl Money {
    /// An amount of zero.
    pub const fn zero(currency: Currency) -> Self {
        Self {
            minor_units: 0,
            currency,
        }
    }

    /// An amount in minor units; `None` outside `0..MINOR_UNITS_END`.
    pub const fn from_minor_units(minor_units: i64, currency: Currency) -> Option<Self> {
        if minor_units >= 0 && minor_units < MINOR_UNITS_END {
            Some(Self {
                minor_units,
                currency,
            })
        } else {
            None
        }
    }

    /// Parses a decimal such as `1999.98`, `20.0`, `5e2` or `0`. Digits beyond the currency's
    /// decimals must be zeros.
    ///
    /// # Errors
    /// When the text is not a decimal number, is negative, is too large, or has too many decimals.
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Self, Flaw> {
        let minor_units = parse_minor_units(text, currency)?;
        Ok(Self {
            minor_units,
            currency,
        })
    }

    /// The amount in minor units, such as cents.
    pub const fn minor_units(self) -> i64 {
        self.minor_units
    }

    /// The currency of the amount.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The sum; `None` when the currencies differ or the limit is reached.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Self::from_minor_units(
            self.minor_units.checked_add(other.minor_units)?,
            self.currency,
        )
    }

    /// `quantity` times this; `None` when the limit is reached.
    pub fn checked_mul(self, quantity: u32) -> Option<Self> {
        let minor_units = self.minor_units.checked_mul(i64::from(quantity))?;
        Self::from_minor_units(minor_units, self.currency)
    }
}

/// The decimal with exactly the decimals of the currency: `1999.98`, `500` (yen), `0.250` (dinars).
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = usize::from(self.currency.decimals());
        let scale = 10_i64.pow(u32::from(self.currency.decimals()));
        let (whole, fraction) = (self.minor_units / scale, self.minor_units % scale);
        if decimals == 0 {
            write!(f, "{whole}")
        } else {
            write!(f, "{whole}.{fraction:0decimals$}")
        }
    }
}

/// Parses `-?digits(.digits)?([eE][+-]?digits)?` as minor units. Works on digits only: exponent and
/// currency move the decimal point, and the digits behind it must be zeros.
fn parse_minor_units(text: &str, currency: Currency) -> Result<i64, Flaw> {
    // No valid amount needs more; a megabyte of digits is rejected unparsed.
    const TEXT_BYTES_MAX: usize = 64;
    if text.len() > TEXT_BYTES_MAX {
        return Err(Flaw::NotANumber);
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(Flaw::NotANumber);
    }
    let decimals = currency.decimals();
    // The place of the point in `whole` followed by `fraction`, counted in digits.
    let point = whole.len() as i64 + exponent + i64::from(decimals);
    let mut minor_units: i64 = 0;
    for (place, digit) in whole.bytes().chain(fraction.bytes()).enumerate() {
        let digit = i64::from(digit - b'0');
        if (place as i64) < point {
            minor_units = minor_units * 10 + digit;
            if minor_units >= MINOR_UNITS_END {
                return Err(if negative {
                    Flaw::Negative
                } else {
                    Flaw::AmountTooLarge
                });
            }
        } else if digit != 0 {
            return Err(if negative {
                Flaw::Negative
            } else {
                Flaw::TooManyDecimals {
                    max: decimals,
                    currency,
                }
            });
        }
    }
    if minor_units == 0 {
        return Ok(0);
    }
    if negative {
        return Err(Flaw::Negative);
    }
    for _ in (whole.len() + fraction.len()) as i64..point {
        minor_units *= 10;
        if minor_units >= MINOR_UNITS_END {
            return Err(Flaw::AmountTooLarge);
        }
    }
    Ok(minor_units)
}

fn parse_exponent(text: &str) -> Result<i64, Flaw> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Flaw::NotANumber);
    }
    // Larger exponents have the same effect as this one, whatever the mantissa.
    const EXPONENT_END: i64 = 1_000;
    let size = digits
        .parse::<i64>()
        .unwrap_or(EXPONENT_END)
        .min(EXPONENT_END);
    Ok(if text.starts_with('-') { -size } else { size })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::from_code(code).expect(code)
    }

    fn minor(text: &str, code: &str) -> Result<i64, Flaw> {
        parse_minor_units(text, currency(code))
    }

    #[test]
    fn decimals_depend_on_the_currency() {
        assert_eq!(minor("999.99", "USD"), Ok(99_999));
        assert_eq!(minor("20.0", "JPY"), Ok(20));
        assert_eq!(minor("0.250", "KWD"), Ok(250));
        assert_eq!(minor("1.2345", "CLF"), Ok(12_345));
        assert_eq!(currency("JPY").decimals(), 0);
        assert_eq!(currency("USD").decimals(), 2);
        assert_eq!(currency("KWD").decimals(), 3);
        for none in ["XAU", "XXX", "usd", "US", ""] {
            assert_eq!(Currency::from_code(none), None, "{none}");
        }
    }

    #[test]
    fn decimals_and_exponents_are_parsed_exactly() {
        for (text, expected) in [
            ("0", 0),
            ("-0.0", 0),
            ("0e999999999999", 0),
            ("14.66", 1_466),
            ("14.6600", 1_466),
            ("1466e-2", 1_466),
            ("1.466E+1", 1_466),
            ("0.01466e3", 1_466),
            ("5e2", 50_000),
            ("99999999999.99", 9_999_999_999_999),
        ] {
            assert_eq!(minor(text, "USD"), Ok(expected), "{text}");
        }
    }

    #[test]
    fn inexact_or_invalid_amounts_are_rejected() {
        let too_many = Flaw::TooManyDecimals {
            max: 2,
            currency: Currency::USD,
        };
        for (text, flaw) in [
            ("", Flaw::NotANumber),
            ("-", Flaw::NotANumber),
            (".5", Flaw::NotANumber),
            ("5.", Flaw::NotANumber),
            ("1,5", Flaw::NotANumber),
            ("NaN", Flaw::NotANumber),
            ("1e", Flaw::NotANumber),
            ("1e+-2", Flaw::NotANumber),
            ("+1", Flaw::NotANumber),
            ("١", Flaw::NotANumber),
            (" 1", Flaw::NotANumber),
            ("-1", Flaw::Negative),
            ("-1e30", Flaw::Negative),
            ("-0.001", Flaw::Negative),
            ("0.001", too_many.clone()),
            ("14.666", too_many.clone()),
            ("1e-3", too_many),
            ("100000000000.00", Flaw::AmountTooLarge),
            ("1e30", Flaw::AmountTooLarge),
            ("1e99999999999999999999", Flaw::AmountTooLarge),
        ] {
            assert_eq!(minor(text, "USD"), Err(flaw), "{text}");
        }
        assert_eq!(minor(&"1".repeat(65), "USD"), Err(Flaw::NotANumber));
        let yen = Flaw::TooManyDecimals {
            max: 0,
            currency: currency("JPY"),
        };
        assert_eq!(minor("0.5", "JPY"), Err(yen));
    }

    #[test]
    fn sums_and_products_are_none_beyond_the_limit() {
        let most = Money::from_minor_units(MINOR_UNITS_END - 1, Currency::USD).expect("below");
        let cent = Money::from_minor_units(1, Currency::USD).expect("small");
        assert_eq!(most.checked_add(cent), None);
        assert_eq!(most.checked_mul(2), None);
        assert_eq!(most.checked_mul(1), Some(most));
        assert_eq!(cent.checked_add(Money::zero(currency("JPY"))), None);
        assert_eq!(Money::from_minor_units(-1, Currency::USD), None);
        assert_eq!(
            Money::from_minor_units(MINOR_UNITS_END, Currency::USD),
            None
        );
    }

    proptest! {
        #[test]
        fn amount_round_trips_through_text(
            minor_units in 0..MINOR_UNITS_END,
            code in prop::sample::select(vec!["JPY", "USD", "KWD", "CLF"]),
        ) {
            let money = Money::from_minor_units(minor_units, currency(code)).expect("in range");
            prop_assert_eq!(Money::from_decimal(&money.to_string(), currency(code)), Ok(money));
        }

        /// The numbers of the API pass through doubles, which must not change them.
        #[test]
        fn amount_round_trips_through_double(
            minor_units in 0..MINOR_UNITS_END,
            code in prop::sample::select(vec!["JPY", "USD", "KWD", "CLF"]),
        ) {
            let money = Money::from_minor_units(minor_units, currency(code)).expect("in range");
            let double: f64 = money.to_string().parse().expect("a number");
            let json = serde_json::to_string(&double).expect("finite");
            prop_assert_eq!(Money::from_decimal(&json, currency(code)), Ok(money));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,70}") {
            let _ = parse_minor_units(&text, Currency::USD);
        }
    }
}
