//! The rules of orders: the total (I4), rejections, transitions, and the fold.

use fritzy_domain::{
    AccountId, Annotations, AnnotationsChange, Argument, CommandId, Currency, DecisionContext,
    Entity, Event, Flaw, LINES_MAX, MINOR_UNITS_END, Money, Order, OrderCommand, OrderEvent,
    OrderStatus, PlaceOrder, ProductId, QUANTITY_MAX, Quote, QuotedLine, Rejection, State, fold,
};
use fritzy_types::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

fn context() -> DecisionContext {
    DecisionContext {
        now: Timestamp::from_micros(1_000_000),
        command: CommandId::from_uuid(Uuid::from_u128(0xC0FFEE)),
    }
}

fn line(product: u128, price_minor: i64, quantity: i64) -> QuotedLine {
    priced_line(product, price_minor, Currency::USD, quantity)
}

fn priced_line(product: u128, price_minor: i64, currency: Currency, quantity: i64) -> QuotedLine {
    QuotedLine {
        quote: Quote {
            product_id: ProductId::from_uuid(Uuid::from_u128(product)),
            version: 3,
            name: format!("product {product}"),
            unit_price: Money::from_minor_units(price_minor, currency).expect("in range"),
        },
        quantity,
    }
}

fn place(lines: Vec<QuotedLine>) -> Result<Order, Rejection> {
    let account_id = AccountId::from_uuid(Uuid::from_u128(0xACC0));
    let command = OrderCommand::Place(PlaceOrder {
        account_id,
        lines,
        annotations: Annotations::default(),
    });
    let events = Order::decide(None, command, &context())?;
    assert_eq!(events.len(), 1);
    Ok(Order::evolve(None, &events[0]).expect("an order"))
}

#[test]
fn i4_total_of_two_units_at_999_99_is_1999_98() {
    let order = place(vec![line(1, 99_999, 2)]).expect("accepted");
    assert_eq!(order.total.to_string(), "1999.98");
    assert_eq!(order.status, OrderStatus::Created);
    assert_eq!(order.id.slot(), order.account_id.slot());
    assert_eq!(order.lines[0].unit_price_minor, 99_999);
    assert_eq!(order.lines[0].product_version, 3);
}

#[test]
fn invalid_orders_are_rejected_naming_the_line() {
    let quantity = Flaw::OutOfRange {
        min: 1,
        max: i64::from(QUANTITY_MAX),
    };
    for (lines, field, flaw) in [
        (vec![], "products", Flaw::Empty),
        (
            vec![line(1, 1, 0)],
            "products[0].quantity",
            quantity.clone(),
        ),
        (
            vec![line(1, 1, 1), line(2, 1, -1)],
            "products[1].quantity",
            quantity.clone(),
        ),
        (vec![line(1, 1, 1 << 31)], "products[0].quantity", quantity),
        (
            vec![line(1, 1, 1), line(2, 1, 1), line(1, 1, 1)],
            "products[2].productId",
            Flaw::Repeated,
        ),
        (
            vec![line(1, MINOR_UNITS_END - 1, 2)],
            "products[0].quantity",
            Flaw::AmountTooLarge,
        ),
        (
            vec![line(1, MINOR_UNITS_END - 1, 1), line(2, 1, 1)],
            "products[1].quantity",
            Flaw::AmountTooLarge,
        ),
        (
            (0..=LINES_MAX as u128)
                .map(|product| line(product, 1, 1))
                .collect(),
            "products",
            Flaw::TooMany { max: LINES_MAX },
        ),
    ] {
        assert_eq!(place(lines), Err(Rejection::invalid(field, flaw)));
    }
}

#[test]
fn mixed_currencies_are_rejected() {
    let yen = Currency::from_code("JPY").expect("exists");
    let rejected = place(vec![line(1, 100, 1), priced_line(2, 100, yen, 1)]);
    let expected = Rejection::CurrencyMismatch {
        field: "products[1].productId".into(),
        expected: Currency::USD,
        found: yen,
    };
    assert_eq!(rejected, Err(expected));
}

/// A command, and the status that it leads to, if it changes the status.
fn arbitrary_command() -> impl Strategy<Value = (OrderCommand, Option<OrderStatus>)> {
    prop_oneof![
        Just((OrderCommand::Confirm, Some(OrderStatus::Confirmed))),
        Just((OrderCommand::Complete, Some(OrderStatus::Completed))),
        prop::option::of("[a-z ]{0,20}").prop_map(|reason| (
            OrderCommand::Cancel { reason },
            Some(OrderStatus::Cancelled)
        )),
        ("[a-c]", prop::option::of("[x-z]{0,3}"))
            .prop_map(|(key, value)| (annotate(key, value), None)),
    ]
}

fn annotate(key: String, value: Option<String>) -> OrderCommand {
    let reference = value.clone().map_or(Argument::Null, Argument::Value);
    let reference = match reference {
        Argument::Value(text) if text.is_empty() => Argument::Absent,
        given => given,
    };
    let value = value.map_or(Argument::Null, Argument::Value);
    let change = AnnotationsChange::parse(&reference, &Argument::Value(vec![(key, value)]));
    OrderCommand::Annotate(change.expect("valid"))
}

proptest! {
    /// I4, compared with a sum that is computed in another way.
    #[test]
    fn i4_total_is_the_sum_over_the_lines(
        lines in prop::collection::vec((0_i64..1_000_000, 1_i64..1_000), 1..LINES_MAX)
    ) {
        let quoted = lines.iter().enumerate()
            .map(|(product, (price, quantity))| line(product as u128, *price, *quantity)).collect();
        let order = place(quoted).expect("accepted");
        let expected: i128 = lines.iter().map(|(p, q)| i128::from(*p) * i128::from(*q)).sum();
        prop_assert_eq!(i128::from(order.total.minor_units()), expected);
        let stored: i64 = order.lines.iter().map(|l| l.unit_price_minor * i64::from(l.quantity)).sum();
        prop_assert_eq!(order.total.minor_units(), stored);
    }

    /// No sequence of commands makes a transition outside the table, a rejected command changes
    /// nothing, and the events, decoded from their JSON, fold to the state after each step (I5).
    #[test]
    fn i5_any_command_sequence_folds_to_the_state(
        commands in prop::collection::vec(arbitrary_command(), 0..12)
    ) {
        let mut order = place(vec![line(1, 1_466, 1), line(2, 1_467, 1)]).expect("accepted");
        let account_id = order.account_id;
        let first = Order::decide(None, OrderCommand::Place(PlaceOrder {
            account_id, lines: vec![line(1, 1_466, 1), line(2, 1_467, 1)],
            annotations: Annotations::default(),
        }), &context()).expect("accepted");
        let mut journal: Vec<Event> = first.into_iter().map(Event::Order).collect();
        for (command, to) in commands {
            let from = order.status;
            match Order::decide(Some(&order), command, &context()) {
                Ok(events) => {
                    prop_assert!(to.is_none_or(|to| OrderStatus::TRANSITIONS.contains(&(from, to))));
                    for event in events {
                        order = Order::evolve(Some(order), &event).expect("still there");
                        journal.push(Event::Order(event));
                    }
                    prop_assert_eq!(order.status, to.unwrap_or(from));
                }
                Err(rejection) => {
                    let to = to.expect("annotations are accepted in every status");
                    prop_assert!(!OrderStatus::TRANSITIONS.contains(&(from, to)));
                    prop_assert_eq!(rejection, Rejection::IllegalTransition { from, to });
                }
            }
            let stored: Vec<Event> = journal.iter()
                .map(|event| Event::decode(event.event_type(), &event.payload()).expect("readable"))
                .collect();
            prop_assert_eq!(&stored, &journal);
            prop_assert_eq!(fold(&stored), Some(State::Order(order.clone())));
        }
        prop_assert_eq!(order.total.minor_units(), 2_933);
    }
}

#[test]
fn transitions_match_the_specification() {
    use OrderStatus::{Cancelled, Completed, Confirmed, Created};
    for from in OrderStatus::ALL {
        for to in OrderStatus::ALL {
            let allowed = matches!(
                (from, to),
                (Created, Confirmed | Cancelled) | (Confirmed, Completed | Cancelled)
            );
            assert_eq!(from.can_become(to), allowed, "{from} to {to}");
        }
    }
}

#[test]
fn unknown_event_type_is_an_error() {
    let newer = Event::decode("order.gifted", "{}");
    assert!(newer.is_err_and(|error| error.to_string().contains("order.gifted")));
    assert!(Event::decode("order.created", "{\"order_id\":1}").is_err());
}

#[test]
fn unknown_event_fields_are_ignored() {
    let order = "00000000-0000-0000-0000-00000000002a";
    let payload = format!(r#"{{"order_id":"{order}","at":5,"later":true}}"#);
    let event = Event::decode("order.cancelled", &payload).expect("readable");
    let Event::Order(OrderEvent::Cancelled(cancelled)) = event else {
        panic!("{event:?}")
    };
    assert_eq!(cancelled.reason, None);
}
