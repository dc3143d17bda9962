//! The form of requests and replies between nodes.

use fritzy_cluster::codec::{Unreadable, from_bytes};
use fritzy_types::Deadline;

use crate::messages::ShardRequest;

/// Decodes a request that another node has sent, to be answered by `deadline`.
pub(crate) fn decode_request(bytes: &[u8], deadline: Deadline) -> Result<ShardRequest, Unreadable> {
    let mut decoded: ShardRequest = from_bytes(bytes)?;
    match &mut decoded {
        ShardRequest::Create { request, .. } | ShardRequest::Execute { request, .. } => {
            request.deadline = deadline;
        }
        ShardRequest::Read { .. } | ShardRequest::Barrier | ShardRequest::Find { .. } => {}
    }
    Ok(decoded)
}

/// Whether a request may be sent twice. Writes may when they have an idempotency key, by which the
/// second is recognised.
pub(crate) const fn is_idempotent(request: &ShardRequest) -> bool {
    match request {
        ShardRequest::Create { request, .. } | ShardRequest::Execute { request, .. } => {
            request.fingerprint.is_some()
        }
        ShardRequest::Read { .. } | ShardRequest::Barrier | ShardRequest::Find { .. } => true,
    }
}

#[cfg(test)]
mod golden;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use fritzy_cluster::codec::to_bytes;
    use fritzy_domain::{
        Account, AccountId, AccountPersonal, Command, CommandId, Currency, Fingerprint, Flaw,
        Money, Order, OrderCommand, OrderId, OrderLine, OrderStatus, PlaceOrder, Product,
        ProductCommand, ProductId, Quote, QuotedLine, Rejection, State, Stored,
    };
    use fritzy_types::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::Request;
    use crate::messages::ShardReply;

    fn request(deadline: Deadline) -> Request {
        Request {
            command: CommandId::from_uuid(Uuid::from_u128(1)),
            fingerprint: Some(Fingerprint([7; 16])),
            deadline,
        }
    }

    #[test]
    fn request_round_trip_replaces_only_the_deadline() {
        let here = Deadline::at(Instant::now());
        let there = Deadline::at(Instant::now() + Duration::from_secs(5));
        let price = Money::parse("12.34", Currency::USD, "price").expect("a price");
        let product_id = ProductId::from_uuid(Uuid::from_u128(2));
        let quote = Quote {
            product_id,
            version: 3,
            name: "Füller".into(),
            unit_price: price,
        };
        let place = PlaceOrder {
            account_id: AccountId::from_uuid(Uuid::from_u128(4)),
            lines: vec![QuotedLine { quote, quantity: 5 }],
        };
        let update = ProductCommand::Update {
            name: None,
            description: Some(String::new()),
        };
        let commands = [
            Command::Order(OrderCommand::Place(place)),
            Command::Order(OrderCommand::Cancel { reason: None }),
            Command::Product(update),
            Command::Product(ProductCommand::Reprice { price }),
        ];
        for command in commands {
            let sent = ShardRequest::Execute {
                entity: product_id.into(),
                command,
                expected: Some(6),
                request: request(here),
            };
            let received = decode_request(&to_bytes(&sent), there).expect("decodes");
            let ShardRequest::Execute { request, .. } = &received else {
                panic!("{received:?}");
            };
            assert_eq!(request.deadline, there);
            let text = |request: &ShardRequest| format!("{request:?}").replace("Instant", "");
            let until_deadline =
                |text: String| text.split("deadline").next().map(ToOwned::to_owned);
            assert_eq!(until_deadline(text(&received)), until_deadline(text(&sent)));
        }
        assert!(decode_request(&[9, 9, 9], there).is_err());
    }

    #[test]
    fn reply_round_trip_preserves_the_reply() {
        let account = Account {
            id: AccountId::from_uuid(Uuid::from_u128(1)),
            created_at: Timestamp::from_micros(-5),
            closed: true,
            personal: AccountPersonal { name: "Ada".into() },
        };
        let price = Money::parse("0.99", Currency::USD, "price").expect("a price");
        let product = Product {
            id: ProductId::from_uuid(Uuid::from_u128(2)),
            created_at: Timestamp::from_micros(5),
            name: "Pen".into(),
            description: String::new(),
            price,
            withdrawn: false,
        };
        let line = OrderLine {
            product_id: product.id,
            product_version: 1,
            name: "Pen".into(),
            unit_price_minor: 99,
            quantity: 2,
        };
        let order = Order {
            id: OrderId::from_uuid(Uuid::from_u128(3)),
            account_id: account.id,
            created_at: Timestamp::from_micros(6),
            status: OrderStatus::Cancelled,
            lines: vec![line],
            total: price,
            cancel_reason: Some("late".into()),
        };
        let states = [
            State::Account(account),
            State::Product(product),
            State::Order(order),
        ];
        for state in states {
            let stored = Stored { version: 8, state };
            let sent = to_bytes(&ShardReply::State(Arc::new(stored.clone())));
            match from_bytes(&sent).expect("decodes") {
                ShardReply::State(received) => assert_eq!(*received, stored),
                other => panic!("{other:?}"),
            }
        }
        let flaw = Flaw::NothingToChange {
            or: "description".into(),
        };
        let rejection = Rejection::invalid("name", flaw);
        let sent = to_bytes(&ShardReply::Rejected(rejection.clone()));
        match from_bytes(&sent).expect("decodes") {
            ShardReply::Rejected(received) => assert_eq!(received, rejection),
            other => panic!("{other:?}"),
        }
    }
}
