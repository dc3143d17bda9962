//! The form of requests and replies between nodes.
//!
//! In version 2 of the wire format, it is the derived form, which has no annotations. From version
//! 3 on, the annotations follow it, if there are any.

use std::sync::Arc;

use fritzy_cluster::WIRE_MIN;
use fritzy_cluster::codec::{Unreadable, from_bytes, to_bytes};
use fritzy_domain::{Annotations, Command};
use fritzy_types::Deadline;

use crate::messages::{ShardReply, ShardRequest};

/// The first version whose bodies have annotations. Nodes that know only earlier ones do not know
/// the events of annotations either.
const ANNOTATED: u16 = 3;

/// The oldest version that all nodes must know before the request may be sent to any.
pub(crate) fn required_wire(request: &ShardRequest) -> u16 {
    let annotates = command_of(request).is_some_and(|command| {
        command.is_annotation() || command.annotations().is_some_and(|given| !given.is_empty())
    });
    if annotates { ANNOTATED } else { WIRE_MIN }
}

/// Encodes a request in a version of the wire format.
pub(crate) fn encode_request(request: &ShardRequest, wire: u16) -> Vec<u8> {
    if wire < ANNOTATED {
        return to_bytes(request);
    }
    let annotations = command_of(request).and_then(Command::annotations);
    to_bytes(&(request, annotations.filter(|given| !given.is_empty())))
}

/// Decodes a request that another node has sent, to be answered by `deadline`.
pub(crate) fn decode_request(
    bytes: &[u8],
    deadline: Deadline,
    wire: u16,
) -> Result<ShardRequest, Unreadable> {
    let mut decoded = if wire < ANNOTATED {
        from_bytes(bytes)?
    } else {
        let (mut request, annotations): (ShardRequest, Option<Annotations>) = from_bytes(bytes)?;
        if let Some(annotations) = annotations {
            let of_command = command_of_mut(&mut request).and_then(Command::annotations_mut);
            *of_command.ok_or_else(misplaced)? = annotations;
        }
        request
    };
    match &mut decoded {
        ShardRequest::Create { request, .. } | ShardRequest::Execute { request, .. } => {
            request.deadline = deadline;
        }
        ShardRequest::Read { .. } | ShardRequest::Barrier | ShardRequest::Find { .. } => {}
    }
    Ok(decoded)
}

/// Encodes a reply in a version of the wire format.
pub(crate) fn encode_reply(reply: &ShardReply, wire: u16) -> Vec<u8> {
    if wire < ANNOTATED {
        return to_bytes(reply);
    }
    let annotations = match reply {
        ShardReply::State(snapshot) => Some(snapshot.state.annotations()),
        _ => None,
    };
    to_bytes(&(reply, annotations.filter(|given| !given.is_empty())))
}

/// Decodes a reply of another node. A state from a node that knows no annotations has none.
pub(crate) fn decode_reply(bytes: &[u8], wire: u16) -> Result<ShardReply, Unreadable> {
    if wire < ANNOTATED {
        return from_bytes(bytes);
    }
    let (mut reply, annotations): (ShardReply, Option<Annotations>) = from_bytes(bytes)?;
    if let Some(annotations) = annotations {
        let ShardReply::State(snapshot) = &mut reply else {
            return Err(misplaced());
        };
        *Arc::make_mut(snapshot).state.annotations_mut() = annotations;
    }
    Ok(reply)
}

fn misplaced() -> Unreadable {
    Unreadable("has annotations of no entity".into())
}

const fn command_of(request: &ShardRequest) -> Option<&Command> {
    match request {
        ShardRequest::Create { command, .. } | ShardRequest::Execute { command, .. } => {
            Some(command)
        }
        ShardRequest::Read { .. } | ShardRequest::Barrier | ShardRequest::Find { .. } => None,
    }
}

const fn command_of_mut(request: &mut ShardRequest) -> Option<&mut Command> {
    match request {
        ShardRequest::Create { command, .. } | ShardRequest::Execute { command, .. } => {
            Some(command)
        }
        ShardRequest::Read { .. } | ShardRequest::Barrier | ShardRequest::Find { .. } => None,
    }
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
    use std::time::{Duration, Instant};

    use fritzy_cluster::WIRE_MAX;
    use fritzy_domain::{
        Account, AccountId, AccountPersonal, AnnotationsInput, CommandId, Currency, Fingerprint,
        Flaw, Money, Order, OrderCommand, OrderId, OrderLine, OrderStatus, PlaceOrder, Product,
        ProductCommand, ProductId, Quote, QuotedLine, Rejection, State, Stored,
    };
    use fritzy_types::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::Request;

    fn annotations() -> Annotations {
        let input = AnnotationsInput {
            external_reference: Some("ü 1".into()),
            metadata: vec![("key".into(), "value".into())],
        };
        input.check().expect("valid")
    }

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
            annotations: annotations(),
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
            let received =
                decode_request(&encode_request(&sent, WIRE_MAX), there, WIRE_MAX).expect("decodes");
            let ShardRequest::Execute { request, .. } = &received else {
                panic!("{received:?}");
            };
            assert_eq!(request.deadline, there);
            let text = |request: &ShardRequest| format!("{request:?}").replace("Instant", "");
            let until_deadline =
                |text: String| text.split("deadline").next().map(ToOwned::to_owned);
            assert_eq!(until_deadline(text(&received)), until_deadline(text(&sent)));
        }
        assert!(decode_request(&[9, 9, 9], there, WIRE_MAX).is_err());
    }

    #[test]
    fn reply_round_trip_preserves_the_reply() {
        let account = Account {
            id: AccountId::from_uuid(Uuid::from_u128(1)),
            created_at: Timestamp::from_micros(-5),
            closed: true,
            personal: AccountPersonal { name: "Ada".into() },
            annotations: annotations(),
        };
        let price = Money::parse("0.99", Currency::USD, "price").expect("a price");
        let product = Product {
            id: ProductId::from_uuid(Uuid::from_u128(2)),
            created_at: Timestamp::from_micros(5),
            name: "Pen".into(),
            description: String::new(),
            price,
            withdrawn: false,
            annotations: annotations(),
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
            annotations: annotations(),
        };
        let states = [
            State::Account(account),
            State::Product(product),
            State::Order(order),
        ];
        for state in states {
            let stored = Stored { version: 8, state };
            let sent = ShardReply::State(Arc::new(stored.clone()));
            match decode_reply(&encode_reply(&sent, WIRE_MAX), WIRE_MAX).expect("decodes") {
                ShardReply::State(received) => assert_eq!(*received, stored),
                other => panic!("{other:?}"),
            }
        }
        let flaw = Flaw::NothingToChange {
            or: "description".into(),
        };
        let rejection = Rejection::invalid("name", flaw);
        let sent = ShardReply::Rejected(rejection.clone());
        match decode_reply(&encode_reply(&sent, WIRE_MAX), WIRE_MAX).expect("decodes") {
            ShardReply::Rejected(received) => assert_eq!(received, rejection),
            other => panic!("{other:?}"),
        }
    }
}
