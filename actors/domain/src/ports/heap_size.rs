//! The memory size of rows, to be charged to a memory budget.

use super::{RecordedEvent, Stored};
use crate::{Account, Order, OrderLine, Product};

/// The memory that a value takes, including what it owns on the heap.
pub trait HeapSize: Sized {
    /// The bytes it owns on the heap.
    fn heap_bytes(&self) -> usize;

    /// All bytes it takes: the value itself and its heap.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.heap_bytes()
    }
}

impl<T: HeapSize> HeapSize for Stored<T> {
    fn heap_bytes(&self) -> usize {
        self.state.heap_bytes()
    }
}

impl HeapSize for Account {
    fn heap_bytes(&self) -> usize {
        self.personal.name.len() + self.annotations.heap_bytes()
    }
}

impl HeapSize for Product {
    fn heap_bytes(&self) -> usize {
        self.name.len() + self.description.len() + self.annotations.heap_bytes()
    }
}

impl HeapSize for Order {
    fn heap_bytes(&self) -> usize {
        let reason = self.cancel_reason.as_deref().map_or(0, str::len);
        let line = |line: &OrderLine| size_of::<OrderLine>() + line.name.len();
        let lines: usize = self.lines.iter().map(line).sum();
        reason + lines + self.annotations.heap_bytes()
    }
}

impl HeapSize for RecordedEvent {
    fn heap_bytes(&self) -> usize {
        self.event.payload().len()
    }
}

#[cfg(test)]
mod tests {
    use fritzy_types::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{
        AccountId, Annotations, AnnotationsInput, Currency, Money, OrderId, OrderStatus, ProductId,
    };

    #[test]
    fn order_size_counts_lines_and_texts() {
        let line = |name: &str| OrderLine {
            product_id: ProductId::from_uuid(Uuid::nil()),
            product_version: 1,
            name: name.into(),
            unit_price_minor: 1,
            quantity: 1,
        };
        let order = |lines: &[&str], reason: Option<&str>| Order {
            id: OrderId::from_uuid(Uuid::nil()),
            account_id: AccountId::from_uuid(Uuid::nil()),
            created_at: Timestamp::from_micros(0),
            status: OrderStatus::Created,
            lines: lines.iter().copied().map(line).collect(),
            total: Money::zero(Currency::USD),
            cancel_reason: reason.map(Into::into),
            annotations: Annotations::default(),
        };
        let bare = order(&[], None).bytes();
        assert_eq!(bare, size_of::<Order>());
        let mut lines = order(&["Pen", "Paper"], Some("late"));
        let texts = "PenPaperlate".len();
        assert_eq!(lines.bytes(), bare + 2 * size_of::<OrderLine>() + texts);
        let before = lines.bytes();
        let input = AnnotationsInput {
            external_reference: Some("erp-1".into()),
            metadata: vec![("key".into(), "value".into())],
        };
        lines.annotations = input.check().expect("valid");
        let texts = "erp-1keyvalue".len();
        assert_eq!(lines.bytes(), before + 2 * size_of::<String>() + texts);
    }
}
