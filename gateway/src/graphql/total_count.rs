//! The count of a list, made once when a field selects it.

use async_graphql::{Context, SelectionField};
use fritzy_domain::{AccountId, OrderFilter, RowCount};
use tokio::sync::OnceCell;

use super::errors::{FieldResult, shop_error};
use super::request::lists;
use super::selection::{COUNT_FIELDS, inside};

/// What is counted.
#[derive(Debug)]
pub(crate) enum Counted {
    Accounts,
    Products,
    /// The list of all orders.
    Orders(OrderFilter),
    OrdersOf(AccountId),
}

/// The count of a list.
#[derive(Debug)]
pub(crate) struct TotalCount {
    counted: Counted,
    /// Both fields read it; nothing is counted before.
    count: OnceCell<RowCount>,
}

impl TotalCount {
    pub(crate) const fn of(counted: Counted) -> Self {
        Self {
            counted,
            count: OnceCell::const_new(),
        }
    }

    /// The number of orders of an account, counted before if it is known.
    pub(crate) fn of_account(account: AccountId, known: Option<RowCount>) -> Self {
        Self {
            counted: Counted::OrdersOf(account),
            count: OnceCell::new_with(known),
        }
    }

    /// Counts where the list was read: on the same replica, or on the primary.
    pub(crate) async fn get(&self, context: &Context<'_>) -> FieldResult<RowCount> {
        let count = async || {
            let lists = lists(context).await;
            match &self.counted {
                Counted::Accounts => lists.count_accounts().await,
                Counted::Products => lists.count_products().await,
                Counted::Orders(filter) => lists.count_orders(filter).await,
                Counted::OrdersOf(account) => {
                    let counts = lists.count_orders_of(&[*account]).await;
                    counts.map(|counts| counts.first().copied().unwrap_or(RowCount::NONE))
                }
            }
        };
        let count = self.count.get_or_try_init(count).await;
        count.copied().map_err(shop_error)
    }
}

/// Whether any of these connections selects the count.
pub(super) fn selects_count(connections: &[SelectionField<'_>]) -> bool {
    COUNT_FIELDS
        .iter()
        .any(|field| !inside(connections, field).is_empty())
}
