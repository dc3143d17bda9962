//! Pages of an account's orders.

use async_graphql::SelectionField;
use fritzy_domain::{KeysetPage, Page, Rejection};

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
        Self::requested(field)?.ok()
    }

    /// The page that a field requests, or why it is invalid; `None` for fields that are no pages of
    /// orders.
    fn requested(field: &SelectionField<'_>) -> Option<Result<Self, Rejection>> {
        match field.name() {
            "orders" => {
                let input = argument::<PaginationInput>(field, "pagination")?;
                Some(page(input).map(Self::Offset))
            }
            "ordersConnection" => {
                let window = Window {
                    after: argument(field, "after")?,
                    before: argument(field, "before")?,
                    first: argument(field, "first")?,
                    last: argument(field, "last")?,
                };
                let walk = window.check(List::Orders);
                Some(walk.map(|walk| Self::Keyset(walk.page())))
            }
            _ => None,
        }
    }

    /// Checks all pages inside a field.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] naming the argument of the first invalid one.
    pub(crate) fn check_inside(field: &SelectionField<'_>) -> Result<(), Rejection> {
        for inside in field.selection_set() {
            if let Some(page) = Self::requested(&inside) {
                page?;
            }
            Self::check_inside(&inside)?;
        }
        Ok(())
    }
}
