//! From an event to its messages: topics, key, JSON and headers. Pure. The JSON is flat, and prices
//! are numbers with exactly the decimals of their currency. Its forms only ever gain fields.

use fritzy_domain::{
    AccountEvent, Event, ExternalReference, Metadata, Money, OrderCreated, OrderEvent, ProductEvent,
};
use serde::Serialize;
use serde_json::value::RawValue;

use fritzy_projections::ProjectedEvent;
use fritzy_types::rfc3339;

/// Every event of accounts, in order for each account.
const ACCOUNT_EVENTS: &str = "account.events";
/// Every event of products, in order for each product.
const CATALOG_EVENTS: &str = "catalog.events";
/// Every event of orders, in order for each order.
const ORDER_EVENTS: &str = "order.events";
/// Placed orders, for consumers of nothing else.
const ORDER_CREATED: &str = "order.created";
/// Completed orders, for consumers of nothing else.
const ORDER_COMPLETED: &str = "order.completed";
/// Every event of orders, for notifications to customers.
const NOTIFICATIONS: &str = "notifications";

/// The topics that the bridge writes to.
pub const TOPICS: [&str; 6] = [
    ACCOUNT_EVENTS,
    CATALOG_EVENTS,
    ORDER_EVENTS,
    ORDER_CREATED,
    ORDER_COMPLETED,
    NOTIFICATIONS,
];

/// The CloudEvents attribute `source`, unless it is configured.
pub const DEFAULT_SOURCE: &str = "/fritzy";

/// The topics of an event.
pub(super) const fn topics(event: &Event) -> &'static [&'static str] {
    match event {
        Event::Account(_) => &[ACCOUNT_EVENTS],
        Event::Product(_) => &[CATALOG_EVENTS],
        Event::Order(OrderEvent::Created(_)) => &[ORDER_EVENTS, ORDER_CREATED, NOTIFICATIONS],
        Event::Order(OrderEvent::Completed(_)) => &[ORDER_EVENTS, ORDER_COMPLETED, NOTIFICATIONS],
        Event::Order(_) => &[ORDER_EVENTS, NOTIFICATIONS],
    }
}

/// The headers: CloudEvents in binary mode, the content type, and a trace.
pub(super) fn headers(event: &ProjectedEvent<'_>, source: &str) -> [(&'static str, String); 12] {
    let command = event.command.as_uuid().simple();
    let id = event.event_id.as_uuid().simple().to_string();
    [
        ("content-type", "application/json".to_owned()),
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", event.event_id.to_string()),
        ("ce_type", event.event.event_type().to_owned()),
        ("ce_source", source.to_owned()),
        ("ce_time", rfc3339(event.event.at())),
        ("ce_subject", event.entity.as_uuid().to_string()),
        ("ce_entityversion", event.version.to_string()),
        // By these, consumers judge order and repeats after the database has lost events.
        ("ce_generation", event.generation.to_string()),
        ("ce_shard", event.shard.to_string()),
        ("ce_position", event.position.to_string()),
        // The trace id is the command id: all events of a command share it.
        ("traceparent", format!("00-{command}-{}-00", &id[..16])),
    ]
}

/// The JSON of an event.
pub(super) fn payload(event: &Event) -> String {
    let event_type = event.event_type();
    let timestamp = rfc3339(event.at());
    match event {
        Event::Account(AccountEvent::Created(created)) => json(&EventPayload {
            account_id: Some(created.account_id.to_string()),
            name: Some(&created.personal.name),
            external_reference: created.external_reference.as_ref(),
            metadata: given(&created.metadata),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Account(AccountEvent::Renamed(renamed)) => json(&EventPayload {
            account_id: Some(renamed.account_id.to_string()),
            name: Some(&renamed.personal.name),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Account(AccountEvent::Annotated(annotated)) => json(&EventPayload {
            account_id: Some(annotated.account_id.to_string()),
            external_reference: annotated.external_reference.as_ref(),
            metadata: given(&annotated.metadata),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Account(AccountEvent::Closed(closed)) => json(&EventPayload {
            account_id: Some(closed.account_id.to_string()),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Product(ProductEvent::Created(created)) => json(&EventPayload {
            product_id: Some(created.product_id.to_string()),
            name: Some(&created.name),
            description: Some(&created.description),
            price: Some(number(created.price)),
            currency: Some(created.price.currency().code()),
            external_reference: created.external_reference.as_ref(),
            metadata: given(&created.metadata),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Product(ProductEvent::Updated(updated)) => json(&EventPayload {
            product_id: Some(updated.product_id.to_string()),
            name: Some(&updated.name),
            description: Some(&updated.description),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Product(ProductEvent::Repriced(repriced)) => json(&EventPayload {
            product_id: Some(repriced.product_id.to_string()),
            price: Some(number(repriced.price)),
            currency: Some(repriced.price.currency().code()),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Product(ProductEvent::Annotated(annotated)) => json(&EventPayload {
            product_id: Some(annotated.product_id.to_string()),
            external_reference: annotated.external_reference.as_ref(),
            metadata: given(&annotated.metadata),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Product(ProductEvent::Withdrawn(withdrawn)) => json(&EventPayload {
            product_id: Some(withdrawn.product_id.to_string()),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Order(OrderEvent::Created(created)) => json(&EventPayload {
            order_id: Some(created.order_id.to_string()),
            account_id: Some(created.account_id.to_string()),
            total_price: Some(number(created.total)),
            currency: Some(created.total.currency().code()),
            products: Some(products(created)),
            external_reference: created.external_reference.as_ref(),
            metadata: given(&created.metadata),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Order(OrderEvent::Confirmed(confirmed)) => json(&EventPayload {
            order_id: Some(confirmed.order_id.to_string()),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Order(OrderEvent::Completed(completed)) => json(&EventPayload {
            order_id: Some(completed.order_id.to_string()),
            account_id: Some(completed.account_id.to_string()),
            total_price: Some(number(completed.total)),
            currency: Some(completed.total.currency().code()),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Order(OrderEvent::Annotated(annotated)) => json(&EventPayload {
            order_id: Some(annotated.order_id.to_string()),
            external_reference: annotated.external_reference.as_ref(),
            metadata: given(&annotated.metadata),
            ..EventPayload::new(event_type, timestamp)
        }),
        Event::Order(OrderEvent::Cancelled(cancelled)) => json(&EventPayload {
            order_id: Some(cancelled.order_id.to_string()),
            reason: cancelled.reason.as_deref(),
            ..EventPayload::new(event_type, timestamp)
        }),
    }
}

/// The payload of an event. The order of the fields is published; each event has some of them.
#[derive(Serialize)]
struct EventPayload<'e> {
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
    products: Option<Vec<OrderedProduct>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_reference: Option<&'e ExternalReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'e Metadata>,
    timestamp: String,
}

/// An ordered product, with its quantity and the price of one unit.
#[derive(Serialize)]
struct OrderedProduct {
    product_id: String,
    quantity: u32,
    price: Box<RawValue>,
}

impl EventPayload<'_> {
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
            external_reference: None,
            metadata: None,
            timestamp,
        }
    }
}

fn given(metadata: &Metadata) -> Option<&Metadata> {
    (!metadata.is_empty()).then_some(metadata)
}

fn products(created: &OrderCreated) -> Vec<OrderedProduct> {
    let currency = created.total.currency();
    let lines = created.lines.iter().map(|line| {
        let price = Money::from_minor_units(line.unit_price_minor, currency);
        OrderedProduct {
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

fn json(payload: &EventPayload<'_>) -> String {
    serde_json::to_string(payload).expect("strings and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_of(event_type: &str, form: &str) -> String {
        payload(&Event::decode(event_type, form).expect("an event"))
    }

    #[test]
    fn payloads_are_flat_with_exact_prices() {
        let order = r#"{"order_id":"0192d3a0-3333-7222-8333-444455556666","account_id":"0192d3a0-1111-7222-8333-444455556666","lines":[{"product_id":"0192d3a0-2222-7222-8333-4444555577aa","product_version":1,"name":"Lamp","unit_price_minor":49999,"quantity":2}],"total":{"minor":99998,"currency":"USD"},"at":1704067200000000}"#;
        assert_eq!(
            json_of("order.created", order),
            r#"{"event_type":"order.created","order_id":"0192d3a0-3333-7222-8333-444455556666","account_id":"0192d3a0-1111-7222-8333-444455556666","total_price":999.98,"currency":"USD","products":[{"product_id":"0192d3a0-2222-7222-8333-4444555577aa","quantity":2,"price":499.99}],"timestamp":"2024-01-01T00:00:00.000000Z"}"#
        );
        let account = r#"{"account_id":"0192d3a0-1111-7222-8333-444455556666","personal":{"name":"\"A\""},"at":1704067200000001}"#;
        assert_eq!(
            json_of("account.created", account),
            r#"{"event_type":"account.created","account_id":"0192d3a0-1111-7222-8333-444455556666","name":"\"A\"","timestamp":"2024-01-01T00:00:00.000001Z"}"#
        );
        let annotated = r#"{"order_id":"0192d3a0-3333-7222-8333-444455556666","external_reference":"web-1","metadata":{"a":"1"},"at":1704067200000000}"#;
        assert_eq!(
            json_of("order.annotated", annotated),
            r#"{"event_type":"order.annotated","order_id":"0192d3a0-3333-7222-8333-444455556666","external_reference":"web-1","metadata":{"a":"1"},"timestamp":"2024-01-01T00:00:00.000000Z"}"#
        );
        let product = r#"{"product_id":"0192d3a0-2222-7222-8333-4444555577aa","name":"Lamp","description":"For desks","price":{"minor":1000,"currency":"JPY"},"at":1704067200000000}"#;
        assert_eq!(
            json_of("product.created", product),
            r#"{"event_type":"product.created","product_id":"0192d3a0-2222-7222-8333-4444555577aa","name":"Lamp","description":"For desks","price":1000,"currency":"JPY","timestamp":"2024-01-01T00:00:00.000000Z"}"#
        );
    }
}
