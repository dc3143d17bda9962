//! Money in whole cents, parsed from text and never from a float.

use std::fmt;

use thiserror::Error;

/// Maximum of a price and of the total of one order, in cents: below 10^13, where the shortest
/// decimal of a double is the decimal that was written (the API's `price: Float!` depends on it).
const CENTS_MAX: u64 = 9_999_999_999_999;

/// An amount in cents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cents(u64);

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Not an unsigned decimal such as `14.66`, `20` or `0.5`.
    #[error("{0:?} is not an amount such as 14.66")]
    NotADecimal(String),
    /// More than two digits after the point.
    #[error("{0:?} has more than two digits after the point")]
    FractionOfACent(String),
    /// 10^13 cents or more.
    #[error("{0:?} is more than 99999999999.99")]
    TooLarge(String),
}

impl Cents {
    /// An amount of 0 cents, where sums begin.
    pub const ZERO: Self = Self(0);

    /// An amount of this number of cents.
    #[must_use]
    pub const fn new(cents: u64) -> Self {
        Self(cents)
    }

    /// The whole number of cents.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Parses a price as a file writes it: digits, and at most two more after a point. The accepted
    /// texts are also JSON numbers (no leading zeros, no bare point), so that the text can be sent
    /// unchanged.
    ///
    /// # Errors
    /// [`MoneyError`] when the text is not a decimal with at most two digits after the point, or is
    /// too large.
    pub fn from_price_text(text: &str) -> Result<Self, MoneyError> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return Err(MoneyError::NotADecimal(text.to_owned())),
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !digits_only(whole) || !digits_only(fraction) {
            return Err(MoneyError::NotADecimal(text.to_owned()));
        }
        if fraction.len() > 2 {
            return Err(MoneyError::FractionOfACent(text.to_owned()));
        }
        scaled(whole, fraction, 0).ok_or_else(|| MoneyError::TooLarge(text.to_owned()))
    }

    /// Parses the text of a JSON number (`14.66`, `20.0`, `1e2`) exactly. `None` for anything that
    /// is not a whole, unsigned number of cents within the limit: in a comparison it is simply
    /// another amount.
    #[must_use]
    pub fn from_json_number(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = [whole, fraction]
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        if whole.is_empty() || !all_digits {
            return None;
        }
        scaled(whole, fraction, exponent)
    }

    /// The price of several units; `None` above the limit of an order's total.
    #[must_use]
    pub fn times(self, quantity: u32) -> Option<Self> {
        let product = self.0.checked_mul(u64::from(quantity))?;
        (product <= CENTS_MAX).then_some(Self(product))
    }

    /// The sum within one order; `None` above the limit of an order's total.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let sum = self.0.checked_add(other.0)?;
        (sum <= CENTS_MAX).then_some(Self(sum))
    }

    /// The sum over many orders, which may be above the limit of one. It saturates at 2^64 - 1
    /// cents, which a file within its limit of lines cannot reach.
    #[must_use]
    pub const fn accumulate(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// With two decimals: `244091.94`.
impl fmt::Display for Cents {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:02}", self.0 / 100, self.0 % 100);
        out.pad(&text)
    }
}

/// `whole.fraction * 10^exponent` in cents, if that is a whole number within the limit. Both parts
/// consist of digits.
fn scaled(whole: &str, fraction: &str, exponent: i32) -> Option<Cents> {
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some(Cents::ZERO);
    }
    let zeros_cut = digits.len() - digits.trim_end_matches('0').len();
    let shift = i64::from(exponent) + 2 - as_i64(fraction.len())? + as_i64(zeros_cut)?;
    // A negative shift means a fraction of a cent, because the last digit is not zero.
    let shift = u32::try_from(shift).ok()?;
    let cents = significant
        .parse::<u64>()
        .ok()?
        .checked_mul(10_u64.checked_pow(shift)?)?;
    (cents <= CENTS_MAX).then_some(Cents(cents))
}

fn as_i64(length: usize) -> Option<i64> {
    i64::try_from(length).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_is_parsed_to_the_cent() {
        for (text, cents) in [
            ("14.66", 1466),
            ("0.00", 0),
            ("0.07", 7),
            ("0.5", 50),
            ("20", 2000),
            ("20.00", 2000),
            ("100.10", 10_010),
            ("99999999999.99", 9_999_999_999_999),
        ] {
            assert_eq!(Cents::from_price_text(text), Ok(Cents(cents)), "{text}");
        }
    }

    #[test]
    fn invalid_price_is_rejected_with_its_reason() {
        for text in [
            "", ".", "5.", ".5", "-1.00", "+1", "1,00", "1e2", " 1", "014.66", "NaN", "٣",
        ] {
            let rejected = Cents::from_price_text(text);
            assert_eq!(
                rejected,
                Err(MoneyError::NotADecimal(text.into())),
                "{text}"
            );
        }
        assert_eq!(
            Cents::from_price_text("1.005"),
            Err(MoneyError::FractionOfACent("1.005".into()))
        );
        for text in ["100000000000.00", "99999999999999999999999999"] {
            let rejected = Cents::from_price_text(text);
            assert_eq!(rejected, Err(MoneyError::TooLarge(text.into())), "{text}");
        }
    }

    #[test]
    fn json_number_is_parsed_exactly() {
        for (text, cents) in [
            ("14.66", Some(1466)),
            ("20.0", Some(2000)),
            ("20", Some(2000)),
            ("0.0", Some(0)),
            ("0", Some(0)),
            ("1e2", Some(10_000)),
            ("1.5E-1", Some(15)),
            ("1.2300000", Some(123)),
            ("99999999999.99", Some(9_999_999_999_999)),
            ("100000000000", None),
            ("14.660000000000002", None),
            ("0.001", None),
            ("1e-3", None),
            ("1e999999999", None),
            ("1e99999999999999", None),
            ("-14.66", None),
            ("null", None),
            ("\"14.66\"", None),
            ("", None),
        ] {
            assert_eq!(Cents::from_json_number(text), cents.map(Cents), "{text}");
        }
    }

    #[test]
    fn sums_are_limited_to_an_order_total() {
        assert_eq!(Cents(1466).times(3), Some(Cents(4398)));
        assert_eq!(Cents(CENTS_MAX).times(2), None);
        assert_eq!(Cents(CENTS_MAX).times(u32::MAX), None);
        assert_eq!(Cents(CENTS_MAX).plus(Cents(1)), None);
        assert_eq!(
            Cents(CENTS_MAX).accumulate(Cents(1)),
            Cents(10_000_000_000_000)
        );
        assert_eq!(Cents(24_409_194).to_string(), "244091.94");
        assert_eq!(Cents(7).to_string(), "0.07");
    }
}
