//! How an event changes an order.

use super::{Order, OrderEvent, OrderStatus};
use crate::Annotations;

pub(super) fn evolve(state: Option<Order>, event: &OrderEvent) -> Option<Order> {
    match (state, event) {
        (None, OrderEvent::Created(created)) => Some(Order {
            id: created.order_id,
            account_id: created.account_id,
            created_at: created.at,
            status: OrderStatus::Created,
            lines: created.lines.clone(),
            total: created.total,
            cancel_reason: None,
            annotations: Annotations {
                external_reference: created.external_reference.clone(),
                metadata: created.metadata.clone(),
            },
        }),
        (Some(order), OrderEvent::Confirmed(_)) => Some(with_status(order, OrderStatus::Confirmed)),
        (Some(order), OrderEvent::Completed(_)) => Some(with_status(order, OrderStatus::Completed)),
        (Some(order), OrderEvent::Cancelled(cancelled)) => Some(Order {
            cancel_reason: cancelled.reason.clone(),
            ..with_status(order, OrderStatus::Cancelled)
        }),
        (Some(order), OrderEvent::Annotated(annotated)) => Some(Order {
            annotations: Annotations {
                external_reference: annotated.external_reference.clone(),
                metadata: annotated.metadata.clone(),
            },
            ..order
        }),
        (state, _) => state,
    }
}

fn with_status(order: Order, status: OrderStatus) -> Order {
    Order { status, ..order }
}
