//! The order that pgbench writes repeatedly: as many bytes as one of `place` and `actors-place`.

use fritzy_domain::{
    AccountId, Currency, Event, Metadata, Money, OrderCreated, OrderEvent, OrderId, OrderLine,
    ProductId,
};
use fritzy_types::Timestamp;
use uuid::Uuid;

use crate::scenarios::shop_data::{price_cents, product_name};

/// Two products in the middle of the range, and their quantities.
const LINES: [(usize, u32); 2] = [(966, 2), (1_180, 1)];

pub(super) struct Order {
    /// The payload of the journal row.
    pub(super) payload: String,
    /// The lines of the state row.
    pub(super) lines: String,
}

impl Order {
    pub(super) fn typical() -> Self {
        let id = Uuid::from_u128(0x01a2_050f_7846_754b_b786_3c7f_deea_5899);
        let currency = Currency::from_code("USD").expect("a currency");
        let line = |(product, quantity): (usize, u32)| OrderLine {
            product_id: ProductId::from_uuid(id),
            product_version: 1,
            name: product_name(product),
            unit_price_minor: i64::try_from(price_cents(product)).expect("some dollars"),
            quantity,
        };
        let lines = LINES.map(line).to_vec();
        let total = lines
            .iter()
            .map(|line| line.unit_price_minor * i64::from(line.quantity))
            .sum();
        let text = serde_json::to_string(&lines).expect("lines hold only strings and integers");
        let created = OrderCreated {
            order_id: OrderId::from_uuid(id),
            account_id: AccountId::from_uuid(id),
            lines,
            total: Money::from_minor_units(total, currency).expect("some dollars"),
            external_reference: None,
            metadata: Metadata::default(),
            at: Timestamp::from_micros(1_790_000_000_000_000),
        };
        Self {
            payload: Event::Order(OrderEvent::Created(created)).payload(),
            lines: text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_a_valid_event_whose_total_is_that_of_its_lines() {
        let order = Order::typical();
        let event = Event::decode("order.created", &order.payload).expect("an event");
        let Event::Order(OrderEvent::Created(created)) = event else {
            panic!("{}", order.payload);
        };
        assert_eq!(created.lines.len(), 2);
        assert_eq!(created.total.minor_units(), 2 * 1_466 + 1_680);
        assert!(order.payload.contains(&order.lines));
    }
}
