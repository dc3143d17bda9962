//! The list of orders in memory: filtered and sorted at each read. No page ends early.

use async_trait::async_trait;
use fritzy_domain::{
    EntityId, Event, HeapSize, MemoryBudget, Order, OrderEvent, OrderFilter, OrderId,
    OrderInterval, OrderListPage, OrderLists, OrderSlice, OrderTimes, RecordedEvent, SortKey,
    State, Stored, TotalKey, Version,
};
use fritzy_types::StorageError;
use uuid::Uuid;

use super::read_model::MemoryReadModel;
use super::state::MemoryState;

/// What orders compare by, in either sort order.
type Place = (&'static str, i64, Uuid);

const fn by_creation(key: SortKey) -> Place {
    ("", key.created_at.as_micros(), key.id)
}

fn by_total(key: TotalKey) -> Place {
    (key.currency.code(), key.minor_units, key.id)
}

/// The ends of an interval, and the place of an order.
fn ends(interval: &OrderInterval) -> (Option<Place>, Option<Place>) {
    match *interval {
        OrderInterval::Creation { after, before } => {
            (after.map(by_creation), before.map(by_creation))
        }
        OrderInterval::Total { after, before } => (after.map(by_total), before.map(by_total)),
    }
}

fn place(order: &Order, interval: &OrderInterval) -> Place {
    let id = *order.id.as_uuid();
    match interval {
        OrderInterval::Creation { .. } => ("", order.created_at.as_micros(), id),
        OrderInterval::Total { .. } => {
            (order.total.currency().code(), order.total.minor_units(), id)
        }
    }
}

/// The orders that a filter admits, in any order.
pub(super) fn admitted(state: &MemoryState, filter: &OrderFilter) -> Vec<Stored<Order>> {
    let admitted = state
        .states
        .values()
        .filter_map(|stored| match &stored.state {
            State::Order(order) if filter.matches(order) => Some(Stored {
                version: stored.version,
                state: order.clone(),
            }),
            _ => None,
        });
    admitted.collect()
}

fn times_in(events: &[RecordedEvent], id: OrderId, version: Version) -> Option<OrderTimes> {
    let of_order = events
        .iter()
        .filter(|recorded| recorded.entity == EntityId::Order(id) && recorded.version <= version);
    let mut times: Option<OrderTimes> = None;
    let mut last = 0;
    for recorded in of_order {
        last = recorded.version;
        let at = recorded.event.at();
        let closes = matches!(
            recorded.event,
            Event::Order(OrderEvent::Completed(_) | OrderEvent::Cancelled(_))
        );
        let closed_before = times.and_then(|times| times.closed_at);
        times = Some(OrderTimes {
            updated_at: at,
            closed_at: if closes { Some(at) } else { closed_before },
        });
    }
    times.filter(|_| last == version)
}

#[async_trait]
impl OrderLists for MemoryReadModel {
    async fn order_page(
        &self,
        filter: &OrderFilter,
        page: OrderListPage,
        budget: &dyn MemoryBudget,
    ) -> Result<OrderSlice, StorageError> {
        let mut orders = self.memory().read(|state| admitted(state, filter));
        let (after, before) = ends(&page.interval);
        orders.retain(|order| {
            let place = place(&order.state, &page.interval);
            after.is_none_or(|after| place > after) && before.is_none_or(|before| place < before)
        });
        orders.sort_unstable_by_key(|order| place(&order.state, &page.interval));
        let take = page.take as usize;
        if page.from_end {
            orders.drain(..orders.len().saturating_sub(take));
        }
        orders.truncate(take);
        for order in &orders {
            budget.take(order.bytes())?;
        }
        Ok(OrderSlice {
            orders,
            stopped_at: None,
        })
    }

    async fn order_times(
        &self,
        orders: &[(OrderId, Version)],
    ) -> Result<Vec<OrderTimes>, StorageError> {
        self.memory().read(|state| {
            let times = orders.iter().map(|(id, version)| {
                let mut streams = state.journal.values();
                let found = streams.find_map(|events| times_in(events, *id, *version));
                found.ok_or_else(|| {
                    let reason = format!("order {id} has no event of version {version}");
                    StorageError::Unreadable(reason)
                })
            });
            times.collect()
        })
    }
}
