//! From an event to its messages: topics, key, JSON and headers. Pure. The forms are the seed's: flat, prices as JSON
//! numbers with exactly the decimals of their currency. They only ever gain fields.

use fritzy_domain::{AccountEvent, Event, Money, OrderCreated, OrderEvent, ProductEvent};
use serde::Serialize;
use serde_json::value::RawValue;

use fritzy_projections::ProjectedEvent;
use fritzy_types::rfc3339;

/// Every event of accounts, of products, and of orders, in order for each of them.
const ACCOUNT_EVENTS: &str = "account.events";
/// See there.
const CATALOG_EVENTS: &str = "catalog.events";
/// See there.
const ORDER_EVENTS: &str = "order.events";
/// Orders that were placed, for those who want nothing else.
const ORDER_CREATED: &str = "order.created";
/// Orders that were completed.
const ORDER_COMPLETED: &str = "order.completed";
/// Everything that a customer may be told.
const NOTIFICATIONS: &str = "notifications";

/// Every topic.
pub const TOPICS: [&str; 6] = [
    ACCOUNT_EVENTS,
    CATALOG_EVENTS,
    ORDER_EVENTS,
    ORDER_CREATED,
    ORDER_COMPLETED,
    NOTIFICATIONS,
];

/// Where `source` of CloudEvents says it comes from.
const SOURCE: &str = "/fritzy";

/// Where an event goes.
pub(super) const fn topics(event: &Event) -> &'static [&'static str] {
    match event {
        Event::Account(_) => &[ACCOUNT_EVENTS],
        Event::Product(_) => &[CATALOG_EVENTS],
        Event::Order(OrderEvent::Created(_)) => &[ORDER_EVENTS, ORDER_CREATED, NOTIFICATIONS],
        Event::Order(OrderEvent::Completed(_)) => &[ORDER_EVENTS, ORDER_COMPLETED, NOTIFICATIONS],
        Event::Order(_) => &[ORDER_EVENTS, NOTIFICATIONS],
    }
}

/// The headers of CloudEvents in binary mode, and the content's type.
pub(super) fn headers(event: &ProjectedEvent<'_>) -> [(&'static str, String); 9] {
    let command = event.command.as_uuid().simple();
    let id = event.event_id.as_uuid().simple().to_string();
    [
        ("content-type", "application/json".to_owned()),
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", event.event_id.to_string()),
        ("ce_type", event.event.event_type().to_owned()),
        ("ce_source", SOURCE.to_owned()),
        ("ce_time", rfc3339(event.event.at())),
        ("ce_subject", event.entity.as_uuid().to_string()),
        ("ce_entityversion", event.version.to_string()),
        // The trace is the command: whatever it caused has its id in common.
        ("traceparent", format!("00-{command}-{}-00", &id[..16])),
    ]
}

/// The JSON of an event.
pub(super) fn payload(event: &Event) -> String {
    let event_type = event.event_type();
    let timestamp = rfc3339(event.at());
    match event {
        Event::Account(AccountEvent::Created(created)) => json(&Told {
            account_id: Some(created.account_id.to_string()),
            name: Some(&created.personal.name),
            ..Told::new(event_type, timestamp)
        }),
        Event::Account(AccountEvent::Renamed(renamed)) => json(&Told {
            account_id: Some(renamed.account_id.to_string()),
            name: Some(&renamed.personal.name),
            ..Told::new(event_type, timestamp)
        }),
        Event::Account(AccountEvent::Closed(closed)) => json(&Told {
            account_id: Some(closed.account_id.to_string()),
            ..Told::new(event_type, timestamp)
        }),
        Event::Product(ProductEvent::Created(created)) => json(&Told {
            product_id: Some(created.product_id.to_string()),
            name: Some(&created.name),
            description: Some(&created.description),
            price: Some(number(created.price)),
            currency: Some(created.price.currency().code()),
            ..Told::new(event_type, timestamp)
        }),
        Event::Product(ProductEvent::Updated(updated)) => json(&Told {
            product_id: Some(updated.product_id.to_string()),
            name: Some(&updated.name),
            description: Some(&updated.description),
            ..Told::new(event_type, timestamp)
        }),
        Event::Product(ProductEvent::Repriced(repriced)) => json(&Told {
            product_id: Some(repriced.product_id.to_string()),
            price: Some(number(repriced.price)),
            currency: Some(repriced.price.currency().code()),
            ..Told::new(event_type, timestamp)
        }),
        Event::Product(ProductEvent::Withdrawn(withdrawn)) => json(&Told {
            product_id: Some(withdrawn.product_id.to_string()),
            ..Told::new(event_type, timestamp)
        }),
        Event::Order(OrderEvent::Created(created)) => json(&Told {
            order_id: Some(created.order_id.to_string()),
            account_id: Some(created.account_id.to_string()),
            total_price: Some(number(created.total)),
            currency: Some(created.total.currency().code()),
            products: Some(products(created)),
            ..Told::new(event_type, timestamp)
        }),
        Event::Order(OrderEvent::Confirmed(confirmed)) => json(&Told {
            order_id: Some(confirmed.order_id.to_string()),
            ..Told::new(event_type, timestamp)
        }),
        Event::Order(OrderEvent::Completed(completed)) => json(&Told {
            order_id: Some(completed.order_id.to_string()),
            account_id: Some(completed.account_id.to_string()),
            total_price: Some(number(completed.total)),
            currency: Some(completed.total.currency().code()),
            ..Told::new(event_type, timestamp)
        }),
        Event::Order(OrderEvent::Cancelled(cancelled)) => json(&Told {
            order_id: Some(cancelled.order_id.to_string()),
            reason: cancelled.reason.as_deref(),
            ..Told::new(event_type, timestamp)
        }),
    }
}

/// What is told, in the order of the seed's examples; each event has some of it.
#[derive(Serialize)]
struct Told<'e> {
    event_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_price: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    products: Option<Vec<Line>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e str>,
    timestamp: String,
}

/// A line of an order: how many, at which price each.
#[derive(Serialize)]
struct Line {
    product_id: String,
    quantity: u32,
    price: Box<RawValue>,
}

impl Told<'_> {
    fn new(event_type: &'static str, timestamp: String) -> Self {
        Self {
            event_type,
            order_id: None,
            account_id: None,
            product_id: None,
            name: None,
            description: None,
            price: None,
            total_price: None,
            currency: None,
            products: None,
            reason: None,
            timestamp,
        }
    }
}

fn products(created: &OrderCreated) -> Vec<Line> {
    let currency = created.total.currency();
    let lines = created.lines.iter().map(|line| {
        let price = Money::from_minor_units(line.unit_price_minor, currency);
        Line {
            product_id: line.product_id.to_string(),
            quantity: line.quantity,
            price: number(price.expect("an event's prices are within the limits of money")),
        }
    });
    lines.collect()
}

/// An amount as a JSON number with all its decimals, never as a float.
fn number(money: Money) -> Box<RawValue> {
    RawValue::from_string(money.to_string()).expect("a decimal is JSON")
}

fn json(told: &Told<'_>) -> String {
    serde_json::to_string(told).expect("strings and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(event_type: &str, form: &str) -> String {
        payload(&Event::decode(event_type, form).expect("an event"))
    }

    #[test]
    fn the_forms_are_those_of_the_seed_with_exact_prices() {
        let order = r#"{"order_id":"0192d3a0-3333-7222-8333-444455556666","account_id":"0192d3a0-1111-7222-8333-444455556666","lines":[{"product_id":"0192d3a0-2222-7222-8333-4444555577aa","product_version":1,"name":"Lamp","unit_price_minor":49999,"quantity":2}],"total":{"minor":99998,"currency":"USD"},"at":1704067200000000}"#;
        assert_eq!(
            told("order.created", order),
            r#"{"event_type":"order.created","order_id":"0192d3a0-3333-7222-8333-444455556666","account_id":"0192d3a0-1111-7222-8333-444455556666","total_price":999.98,"currency":"USD","products":[{"product_id":"0192d3a0-2222-7222-8333-4444555577aa","quantity":2,"price":499.99}],"timestamp":"2024-01-01T00:00:00Z"}"#
        );
        let account = r#"{"account_id":"0192d3a0-1111-7222-8333-444455556666","personal":{"name":"\"A\""},"at":1704067200000001}"#;
        assert_eq!(
            told("account.created", account),
            r#"{"event_type":"account.created","account_id":"0192d3a0-1111-7222-8333-444455556666","name":"\"A\"","timestamp":"2024-01-01T00:00:00.000001Z"}"#
        );
        let product = r#"{"product_id":"0192d3a0-2222-7222-8333-4444555577aa","name":"Lamp","description":"For desks","price":{"minor":1000,"currency":"JPY"},"at":1704067200000000}"#;
        assert_eq!(
            told("product.created", product),
            r#"{"event_type":"product.created","product_id":"0192d3a0-2222-7222-8333-4444555577aa","name":"Lamp","description":"For desks","price":1000,"currency":"JPY","timestamp":"2024-01-01T00:00:00Z"}"#
        );
    }
}
