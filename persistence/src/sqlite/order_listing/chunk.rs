//! Keys of orders, and their order in the tables.

use fritzy_domain::Order;
use uuid::Uuid;

use crate::rows::micros;

/// A product, when the order was created, and the order.
pub(super) type LineKey = (Uuid, i64, Uuid);
/// The code of a currency, minor units, and the order.
pub(super) type TotalKey = (&'static str, i64, Uuid);

/// Keys of orders. An order has up to 100 lines, so two chunks have at most some 16 MB.
#[derive(Debug, Default)]
pub(super) struct Keys {
    lines: Vec<LineKey>,
    totals: Vec<TotalKey>,
}

impl Keys {
    pub(super) fn take(&mut self, order: &Order) {
        let (id, created_at) = (*order.id.as_uuid(), micros(order.created_at));
        let line = |product: Uuid| (product, created_at, id);
        let products = order.lines.iter().map(|line| *line.product_id.as_uuid());
        self.lines.extend(products.map(line));
        let total = order.total;
        let total = (total.currency().code(), total.minor_units(), id);
        self.totals.push(total);
    }

    pub(super) const fn len(&self) -> usize {
        self.lines.len() + self.totals.len()
    }
}

/// Keys that are being added, in the order of their tables.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) keys: Keys,
    /// The first keys that are added already.
    pub(super) added: usize,
    /// The last of its journal rows.
    pub(super) end: i64,
}

impl Chunk {
    pub(super) fn new(mut keys: Keys, end: i64) -> Self {
        keys.lines.sort_unstable();
        // An order may have several lines of a product.
        keys.lines.dedup();
        keys.totals.sort_unstable();
        Self {
            keys,
            added: 0,
            end,
        }
    }

    /// The next keys, up to a number of them.
    pub(super) fn slice(&self, len: usize) -> (&[LineKey], &[TotalKey]) {
        let end = (self.added + len).min(self.keys.len());
        let lines = self.keys.lines.len();
        (
            &self.keys.lines[self.added.min(lines)..end.min(lines)],
            &self.keys.totals[self.added.max(lines) - lines..end.max(lines) - lines],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_a_chunk_have_each_key_once_in_order() {
        let id = Uuid::from_u128;
        for (lines, totals) in [(0, 0), (0, 3), (5, 0), (5, 3)] {
            let keys = Keys {
                // Descending, and the first one twice.
                lines: (0..lines)
                    .chain(0..lines.min(1))
                    .map(|n| (id(n), 9 - n as i64, id(7)))
                    .rev()
                    .collect(),
                totals: (0..totals).map(|n| ("EUR", -n, id(7))).collect(),
            };
            for len in 1..10 {
                let mut chunk = Chunk::new(
                    Keys {
                        lines: keys.lines.clone(),
                        totals: keys.totals.clone(),
                    },
                    1,
                );
                let (mut found_lines, mut found_totals) = (vec![], vec![]);
                while chunk.added < chunk.keys.len() {
                    let (lines, totals) = chunk.slice(len);
                    let added = lines.len() + totals.len();
                    assert!(added == len || chunk.added + added == chunk.keys.len());
                    found_lines.extend_from_slice(lines);
                    found_totals.extend_from_slice(totals);
                    chunk.added += added;
                }
                assert_eq!(chunk.slice(len), (&[][..], &[][..]));
                let expected: Vec<LineKey> =
                    (0..lines).map(|n| (id(n), 9 - n as i64, id(7))).collect();
                assert_eq!(found_lines, expected, "{len} at once");
                let expected: Vec<TotalKey> =
                    (0..totals).rev().map(|n| ("EUR", -n, id(7))).collect();
                assert_eq!(found_totals, expected, "{len} at once");
            }
        }
    }
}
