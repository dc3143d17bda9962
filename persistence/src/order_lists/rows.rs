//! The rows of lists of orders, from the columns of any database.

use fritzy_domain::{
    HeapSize, Order, OrderId, OrderKey, OrderListPage, OrderSlice, OrderSort, OrderTimes, RowCount,
    Stored, Version,
};
use fritzy_types::{StorageError, Timestamp};
use uuid::Uuid;

use crate::rows::{Columns, order};

/// A row of a page.
pub(crate) struct LookedAt {
    order: Stored<Order>,
    /// Whether it only tells where looking ended; it may be an order of the page as well.
    is_last: bool,
}

impl HeapSize for LookedAt {
    fn heap_bytes(&self) -> usize {
        self.order.heap_bytes()
    }
}

pub(crate) fn looked_at(row: &impl Columns) -> Result<LookedAt, StorageError> {
    Ok(LookedAt {
        order: order(row)?,
        is_last: row.flag("is_last")?,
    })
}

/// The page, from its rows in any order.
pub(crate) fn slice(rows: Vec<LookedAt>, page: &OrderListPage) -> OrderSlice {
    let sort = page.interval.sort();
    let mut orders = Vec::with_capacity(rows.len());
    let mut stopped_at = None;
    for row in rows {
        if row.is_last {
            stopped_at = Some(OrderKey::of(&row.order.state, sort));
        } else {
            orders.push(row.order);
        }
    }
    // UNION ALL guarantees no order.
    orders.sort_unstable_by_key(|order| place(&order.state, sort));
    OrderSlice { orders, stopped_at }
}

/// What orders compare by.
fn place(order: &Order, sort: OrderSort) -> (&'static str, i64, Uuid) {
    let id = *order.id.as_uuid();
    match sort {
        OrderSort::Creation => ("", order.created_at.as_micros(), id),
        OrderSort::Total => (order.total.currency().code(), order.total.minor_units(), id),
    }
}

/// The rows of a list that were counted.
pub(crate) struct Counted {
    looked_at: u64,
    matching: u64,
}

impl HeapSize for Counted {
    fn heap_bytes(&self) -> usize {
        0
    }
}

impl Counted {
    /// The count of a statement that looked at up to `limit + 1` rows.
    pub(crate) const fn up_to(&self, limit: u64) -> RowCount {
        RowCount::of(self.looked_at, self.matching, limit)
    }
}

pub(crate) fn counted(row: &impl Columns) -> Result<Counted, StorageError> {
    Ok(Counted {
        looked_at: row.int("looked_at")?.cast_unsigned(),
        matching: row.int("matching")?.cast_unsigned(),
    })
}

/// The times of one order.
pub(crate) struct RowTimes {
    updated_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
}

impl HeapSize for RowTimes {
    fn heap_bytes(&self) -> usize {
        0
    }
}

impl RowTimes {
    fn of(&self, (id, version): (OrderId, Version)) -> Result<OrderTimes, StorageError> {
        let updated_at = self.updated_at.ok_or_else(|| {
            StorageError::Unreadable(format!("order {id} has no event of version {version}"))
        })?;
        Ok(OrderTimes {
            updated_at,
            closed_at: self.closed_at,
        })
    }
}

/// The times of `orders`, from a row for each, in their order.
pub(crate) fn order_times(
    orders: &[(OrderId, Version)],
    rows: &[RowTimes],
) -> Result<Vec<OrderTimes>, StorageError> {
    let pairs = orders.iter().zip(rows);
    pairs.map(|(order, row)| row.of(*order)).collect()
}

pub(crate) fn row_times(row: &impl Columns) -> Result<RowTimes, StorageError> {
    Ok(RowTimes {
        updated_at: row.int_or_null("updated_at")?.map(Timestamp::from_micros),
        closed_at: row.int_or_null("closed_at")?.map(Timestamp::from_micros),
    })
}
