//! Orders inside lists of accounts: read for all accounts at once, for each part that the selection asks
//! for; the accounts then answer from it.

use async_graphql::{Context, InputType, SelectionField, Value};
use fritzy_domain::{AccountId, KeysetPage, Page};

use super::account::AccountObject;
use super::errors::{FieldResult, shop_error};
use super::order::{OrderObject, attach_descriptions, inside};
use super::pagination::{PaginationInput, page};
use super::relay::{List, Window};
use super::request::room;

/// A part of the orders of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Page(Page),
    KeysetPage(KeysetPage),
}

impl Part {
    /// Reads the part for each of `accounts`, with descriptions where any of `fields`, which are the fields that
    /// ask for it, wants them.
    pub(crate) async fn read(
        self,
        context: &Context<'_>,
        accounts: &[AccountId],
        fields: &[SelectionField<'_>],
    ) -> FieldResult<Vec<Vec<OrderObject>>> {
        let rows = super::request::lists(context).await;
        let lists = match self {
            Self::Page(page) => rows.orders_of(accounts, page, room(context)).await,
            Self::KeysetPage(slice) => {
                rows.order_pages_by_key(accounts, slice, room(context))
                    .await
            }
        };
        let mut lists: Vec<Vec<OrderObject>> = lists
            .map_err(shop_error)?
            .into_iter()
            .map(|orders| orders.into_iter().map(OrderObject::from).collect())
            .collect();
        let mut all: Vec<&mut OrderObject> = lists.iter_mut().flatten().collect();
        let selections = match self {
            Self::Page(_) => fields.to_vec(),
            Self::KeysetPage(_) => nodes_of(fields),
        };
        attach_descriptions(context, &selections, &mut all).await?;
        Ok(lists)
    }

    /// The part that a field asks for. One that cannot be read is left to the field, which refuses it.
    fn of(field: &SelectionField<'_>) -> Option<Self> {
        match field.name() {
            "orders" => {
                let input = argument::<PaginationInput>(field, "pagination")?;
                page(input).ok().map(Self::Page)
            }
            "ordersConnection" => {
                let window = Window {
                    after: argument(field, "after")?,
                    before: argument(field, "before")?,
                    first: argument(field, "first")?,
                    last: argument(field, "last")?,
                };
                let walk = window.check(List::Orders).ok()?;
                Some(Self::KeysetPage(walk.slice()))
            }
            _ => None,
        }
    }
}

/// An argument of a field; `None` inside when it is not given, outside when it does not fit.
fn argument<T: InputType>(field: &SelectionField<'_>, name: &str) -> Option<Option<T>> {
    let arguments = field.arguments().ok()?;
    let given = arguments.into_iter().find(|(given, _)| given == name);
    match given {
        None | Some((_, Value::Null)) => Some(None),
        Some((_, value)) => T::parse(Some(value)).ok().map(Some),
    }
}

/// The fields that select the nodes of these connections.
pub(crate) fn nodes_of<'a>(connections: &[SelectionField<'a>]) -> Vec<SelectionField<'a>> {
    let mut nodes = inside(&inside(connections, "edges"), "node");
    nodes.extend(inside(connections, "nodes"));
    nodes
}

/// Reads the orders of a list of accounts, for each part that `selections`, which select the accounts, ask for.
pub(crate) async fn read_orders_ahead(
    context: &Context<'_>,
    selections: &[SelectionField<'_>],
    accounts: &mut [AccountObject],
) -> FieldResult<()> {
    if accounts.len() < 2 {
        // One account reads its orders itself.
        return Ok(());
    }
    let ids: Vec<AccountId> = accounts.iter().map(AccountObject::account_id).collect();
    let inside = selections.iter().flat_map(SelectionField::selection_set);
    let mut parts: Vec<(Part, Vec<SelectionField<'_>>)> = Vec::new();
    for field in inside {
        let Some(part) = Part::of(&field) else {
            continue;
        };
        match parts.iter_mut().find(|(known, _)| *known == part) {
            Some((_, fields)) => fields.push(field),
            None => parts.push((part, vec![field])),
        }
    }
    for (part, fields) in parts {
        let lists = part.read(context, &ids, &fields).await?;
        for (account, orders) in accounts.iter_mut().zip(lists) {
            account.remember_orders(part, orders);
        }
    }
    Ok(())
}
