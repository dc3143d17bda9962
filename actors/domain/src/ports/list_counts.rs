//! How many rows lists have. Counting reads rows, so it stops.

use async_trait::async_trait;
use fritzy_types::StorageError;

use super::OrderFilter;
use crate::AccountId;

/// Rows that are counted in one list, at most: some 2 to 10 ms of reading an index. Nobody pages
/// through more.
pub const COUNTED_MAX: u64 = 10_000;
/// Rows that are counted in all lists of one read: ten full counts.
const COUNTED_TOGETHER_MAX: u64 = 100_000;
/// Rows that each of many lists counts at least: a page.
const COUNTED_EACH_MIN: u64 = 100;

/// The number of rows of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowCount {
    /// The rows that were counted.
    pub rows: u64,
    /// Whether counting stopped early, so that there can be more.
    pub is_lower_bound: bool,
}

impl RowCount {
    /// The count of an empty list.
    pub const NONE: Self = Self {
        rows: 0,
        is_lower_bound: false,
    };

    /// The count after looking at up to `limit + 1` rows: `looked_at` of them exist, and `matching`
    /// of these are in the list.
    pub const fn of(looked_at: u64, matching: u64, limit: u64) -> Self {
        Self {
            rows: if matching < limit { matching } else { limit },
            is_lower_bound: looked_at > limit,
        }
    }

    /// The rows to count in each of `lists` that are counted in one read: [`COUNTED_MAX`] for up to
    /// ten, and fewer the more there are.
    pub const fn limit_of_each(lists: usize) -> u64 {
        let lists = if lists == 0 { 1 } else { lists as u64 };
        let share = COUNTED_TOGETHER_MAX / lists;
        if share > COUNTED_MAX {
            COUNTED_MAX
        } else if share < COUNTED_EACH_MIN {
            COUNTED_EACH_MIN
        } else {
            share
        }
    }
}

/// Counts the rows of lists.
#[async_trait]
pub trait ListCounts: Send + Sync {
    /// The number of accounts.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn count_accounts(&self) -> Result<RowCount, StorageError>;

    /// The number of products that are not withdrawn.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn count_products(&self) -> Result<RowCount, StorageError>;

    /// The number of orders that `filter` admits, among [`COUNTED_MAX`] rows of the index that
    /// serves it best.
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn count_orders(&self, filter: &OrderFilter) -> Result<RowCount, StorageError>;

    /// The number of orders of each of `accounts`, in their order; no account may be repeated. One
    /// query. Each list is counted up to [`RowCount::limit_of_each`].
    ///
    /// # Errors
    /// When the store is unavailable.
    async fn count_orders_of(&self, accounts: &[AccountId]) -> Result<Vec<RowCount>, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_is_exact_up_to_its_limit() {
        let exact = |rows| RowCount {
            rows,
            is_lower_bound: false,
        };
        let more_than = |rows| RowCount {
            rows,
            is_lower_bound: true,
        };
        assert_eq!(RowCount::of(0, 0, 10), exact(0));
        assert_eq!(RowCount::of(10, 10, 10), exact(10));
        assert_eq!(RowCount::of(10, 3, 10), exact(3));
        assert_eq!(RowCount::of(11, 11, 10), more_than(10));
        assert_eq!(RowCount::of(11, 3, 10), more_than(3));
    }

    #[test]
    fn many_lists_share_the_rows_that_are_counted() {
        for (lists, each) in [(0, 10_000), (10, 10_000), (100, 1_000), (100_000, 100)] {
            assert_eq!(RowCount::limit_of_each(lists), each, "{lists} lists");
        }
    }
}
