//! Messages on `order.events`. Only the fields needed here are parsed: producers may add others.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message: its offset, and what it says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) content: Content,
}

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Event(OrderEvent),
    /// The database of the shop went backwards.
    Marker(Marker),
}

/// An event of an order, and its effect on the totals.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OrderEvent {
    /// The id of the order: the key of the message.
    pub(crate) order: String,
    /// The version of the order after the event, from the header `ce_entityversion`.
    pub(crate) version: i64,
    pub(crate) place: Place,
    pub(crate) change: Change,
}

/// Where the shop's journal has an event, from the headers `ce_generation`, `ce_shard` and
/// `ce_position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) generation: i64,
    pub(crate) shard: i64,
    pub(crate) position: i64,
}

impl Default for Place {
    /// That of messages from before these headers: no generation drops position 0.
    fn default() -> Self {
        Self {
            generation: 1,
            shard: 0,
            position: 0,
        }
    }
}

/// The beginning of a generation.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Marker {
    pub(crate) generation: i64,
    /// The last valid position of each shard: events of earlier generations behind it never
    /// happened.
    pub(crate) shards: BTreeMap<i64, i64>,
}

/// The type of a marker, in the header `ce_type`.
pub(crate) const MARKER: &str = "database.generation";

/// The effect of an event on the totals.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Placed {
        account: String,
        currency: String,
        /// In minor units, such as cents.
        amount: i64,
    },
    Cancelled,
    /// No effect; also for event types that are not known yet.
    Other,
}

#[derive(Deserialize)]
struct Payload<'t> {
    event_type: &'t str,
    account_id: Option<&'t str>,
    currency: Option<&'t str>,
    #[serde(borrow)]
    total_price: Option<&'t RawValue>,
}

/// Parses the JSON of an event.
///
/// # Errors
/// When it does not match the schema.
pub(crate) fn change(payload: &[u8]) -> Result<Change> {
    let payload: Payload<'_> =
        serde_json::from_slice(payload).context("not the JSON of an event")?;
    Ok(match payload.event_type {
        "order.created" => Change::Placed {
            account: payload.account_id.context("no account_id")?.to_owned(),
            currency: payload.currency.context("no currency")?.to_owned(),
            amount: minor_units(payload.total_price.context("no total_price")?.get())?,
        },
        "order.cancelled" => Change::Cancelled,
        _ => Change::Other,
    })
}

/// Parses the JSON of a marker.
///
/// # Errors
/// When it does not match the schema.
pub(crate) fn marker(payload: &[u8]) -> Result<Marker> {
    serde_json::from_slice(payload).context("not the JSON of a marker")
}

/// Amounts have exactly the decimals of their currency, so the digits without the point are minor
/// units. As binary floating-point numbers, some of them would be inexact.
fn minor_units(number: &str) -> Result<i64> {
    let digits: String = number.split('.').collect();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("{number} is not an amount");
    }
    digits.parse().context("the amount is too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_parsed_exactly() {
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
    fn unknown_fields_and_types_are_ignored() {
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
