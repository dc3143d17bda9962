//! Pages of an account's orders.

use async_graphql::SelectionField;
use fritzy_domain::{KeysetPage, Page};

use super::pagination::{PaginationInput, page};
use super::relay::{List, Window};
use super::selection::argument;

/// A page of the orders of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderPage {
    /// By skip and take.
    Offset(Page),
    /// By cursors, as the field `ordersConnection` does.
    Keyset(KeysetPage),
}

impl OrderPage {
    /// The page that a field requests. Invalid arguments are left to the field, which rejects them.
    pub(crate) fn of(field: &SelectionField<'_>) -> Option<Self> {
        match field.name() {
            "orders" => {
                let input = argument::<PaginationInput>(field, "pagination")?;
                page(input).ok().map(Self::Offset)
            }
            "ordersConnection" => {
                let window = Window {
                    after: argument(field, "after")?,
                    before: argument(field, "before")?,
                    first: argument(field, "first")?,
                    last: argument(field, "last")?,
                };
                let walk = window.check(List::Orders).ok()?;
                Some(Self::Keyset(walk.page()))
            }
            _ => None,
        }
    }
}
