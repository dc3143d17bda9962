//! What a message on `order.events` says. Only what is needed is read; what else there is may grow.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message, where it stands, and what it means for the totals.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// The order: the message's key.
    pub(crate) order: String,
    /// The event's number among those of the order, from the header `ce_entityversion`.
    pub(crate) version: i64,
    pub(crate) change: Change,
}

/// What becomes of an order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Placed {
        account: String,
        currency: String,
        /// In minor units: cents.
        amount: i64,
    },
    Cancelled,
    /// Nothing that matters here; also types that are not known yet.
    Other,
}

#[derive(Deserialize)]
struct Told<'t> {
    event_type: &'t str,
    account_id: Option<&'t str>,
    currency: Option<&'t str>,
    #[serde(borrow)]
    total_price: Option<&'t RawValue>,
}

/// Reads the JSON of an event.
///
/// # Errors
/// When it is not what the schema promises.
pub(crate) fn change(payload: &[u8]) -> Result<Change> {
    let told: Told<'_> = serde_json::from_slice(payload).context("not the JSON of an event")?;
    Ok(match told.event_type {
        "order.created" => Change::Placed {
            account: told.account_id.context("no account_id")?.to_owned(),
            currency: told.currency.context("no currency")?.to_owned(),
            amount: minor_units(told.total_price.context("no total_price")?.get())?,
        },
        "order.cancelled" => Change::Cancelled,
        _ => Change::Other,
    })
}

/// Amounts come with exactly the decimals of their currency, so that the digits without the point are minor units. As a
/// binary number some of them would be a little less or more.
fn minor_units(number: &str) -> Result<i64> {
    let digits: String = number.split('.').collect();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("{number} is not an amount");
    }
    digits.parse().context("an amount beyond all bounds")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (number, expected) in [
            ("39.98", 3_998),
            ("1000", 1_000),
            ("0.05", 5),
            ("90071992547409.93", 9_007_199_254_740_993),
        ] {
            assert_eq!(minor_units(number).expect("an amount"), expected);
        }
        for number in ["1e3", "-1.00", "\"1.00\"", "."] {
            assert!(minor_units(number).is_err(), "{number}");
        }
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        let placed = r#"{"event_type":"order.created","more":[1],"account_id":"a","total_price":1.50,"currency":"USD"}"#;
        let expected = Change::Placed {
            account: "a".into(),
            currency: "USD".into(),
            amount: 150,
        };
        assert_eq!(change(placed.as_bytes()).expect("sound"), expected);
        let later = br#"{"event_type":"order.returned"}"#;
        assert_eq!(change(later).expect("sound"), Change::Other);
        assert!(change(br#"{"event_type":"order.created"}"#).is_err());
        assert!(change(b"order").is_err());
    }
}
