//! How an order decides a command.

use super::{
    Order, OrderAnnotated, OrderCancelled, OrderCommand, OrderCompleted, OrderConfirmed,
    OrderCreated, OrderEvent, OrderLine, OrderStatus, PlaceOrder, QuotedLine, RequestedLine,
};
use crate::text::{REASON_CHARS_MAX, check_prose};
use crate::{DecisionContext, Entity, Flaw, Money, Rejection};

/// Lines of an order at most. An order is one command, one row and one event; with a hundred lines
/// they stay small.
pub const LINES_MAX: usize = 100;
/// Units of a line at most; more is a typing mistake.
pub const QUANTITY_MAX: u32 = 1_000_000;

impl Entity for Order {
    type Command = OrderCommand;
    type Event = OrderEvent;

    fn decide(
        state: Option<&Self>,
        command: OrderCommand,
        context: &DecisionContext,
    ) -> Result<Vec<OrderEvent>, Rejection> {
        let event = match (state, command) {
            (None, OrderCommand::Place(order)) => OrderEvent::Created(place(order, context)?),
            (Some(order), OrderCommand::Confirm) => {
                check_move(order, OrderStatus::Confirmed)?;
                OrderEvent::Confirmed(OrderConfirmed {
                    order_id: order.id,
                    at: context.now,
                })
            }
            (Some(order), OrderCommand::Complete) => {
                check_move(order, OrderStatus::Completed)?;
                OrderEvent::Completed(OrderCompleted {
                    order_id: order.id,
                    account_id: order.account_id,
                    total: order.total,
                    at: context.now,
                })
            }
            (Some(order), OrderCommand::Cancel { reason }) => {
                if let Some(reason) = &reason {
                    check_prose(reason, "reason", REASON_CHARS_MAX)?;
                }
                check_move(order, OrderStatus::Cancelled)?;
                OrderEvent::Cancelled(OrderCancelled {
                    order_id: order.id,
                    reason,
                    at: context.now,
                })
            }
            // In every status: references and notes come up after the delivery, too.
            (Some(order), OrderCommand::Annotate(change)) => {
                let annotations = change.apply(&order.annotations)?;
                OrderEvent::Annotated(OrderAnnotated {
                    order_id: order.id,
                    external_reference: annotations.external_reference,
                    metadata: annotations.metadata,
                    at: context.now,
                })
            }
            (Some(_), OrderCommand::Place(_)) => {
                panic!("a creation is decided without a state")
            }
            (None, _) => panic!("commands to a missing order are rejected before the decision"),
        };
        Ok(vec![event])
    }

    fn evolve(state: Option<Self>, event: &OrderEvent) -> Option<Self> {
        super::evolve::evolve(state, event)
    }
}

fn check_move(order: &Order, to: OrderStatus) -> Result<(), Rejection> {
    if order.status.can_become(to) {
        Ok(())
    } else {
        Err(Rejection::IllegalTransition {
            from: order.status,
            to,
        })
    }
}

/// Validates the lines before the products are read.
///
/// # Errors
/// When there are no lines, more than [`LINES_MAX`], a repeated product, or a quantity not in
/// 1..=[`QUANTITY_MAX`]. The rejection names the line.
pub fn check_lines(lines: &[RequestedLine]) -> Result<(), Rejection> {
    if lines.is_empty() {
        return Err(Rejection::invalid("products", Flaw::Empty));
    }
    if lines.len() > LINES_MAX {
        return Err(Rejection::invalid(
            "products",
            Flaw::TooMany { max: LINES_MAX },
        ));
    }
    for (index, line) in lines.iter().enumerate() {
        if !(1..=i64::from(QUANTITY_MAX)).contains(&line.quantity) {
            let flaw = Flaw::OutOfRange {
                min: 1,
                max: i64::from(QUANTITY_MAX),
            };
            return Err(Rejection::invalid(
                format!("products[{index}].quantity"),
                flaw,
            ));
        }
        // With at most 100 lines, a scan is faster than a set.
        if lines[..index]
            .iter()
            .any(|earlier| earlier.product_id == line.product_id)
        {
            return Err(Rejection::invalid(
                format!("products[{index}].productId"),
                Flaw::Repeated,
            ));
        }
    }
    Ok(())
}

fn place(order: PlaceOrder, context: &DecisionContext) -> Result<OrderCreated, Rejection> {
    let requested: Vec<RequestedLine> = order
        .lines
        .iter()
        .map(|line| RequestedLine {
            product_id: line.quote.product_id,
            quantity: line.quantity,
        })
        .collect();
    check_lines(&requested)?;
    let currency = order.lines[0].quote.unit_price.currency();
    let mut total = Money::zero(currency);
    let mut lines = Vec::with_capacity(order.lines.len());
    for (index, QuotedLine { quote, quantity }) in order.lines.into_iter().enumerate() {
        if quote.unit_price.currency() != currency {
            return Err(Rejection::CurrencyMismatch {
                field: format!("products[{index}].productId"),
                expected: currency,
                found: quote.unit_price.currency(),
            });
        }
        let quantity = u32::try_from(quantity).expect("check_lines bounds quantities");
        total = quote
            .unit_price
            .checked_mul(quantity)
            .and_then(|line_total| total.checked_add(line_total))
            .ok_or_else(|| {
                Rejection::invalid(format!("products[{index}].quantity"), Flaw::AmountTooLarge)
            })?;
        lines.push(OrderLine {
            product_id: quote.product_id,
            product_version: quote.version,
            name: quote.name,
            unit_price_minor: quote.unit_price.minor_units(),
            quantity,
        });
    }
    Ok(OrderCreated {
        order_id: context.command.new_order(order.account_id),
        account_id: order.account_id,
        lines,
        total,
        external_reference: order.annotations.external_reference,
        metadata: order.annotations.metadata,
        at: context.now,
    })
}
