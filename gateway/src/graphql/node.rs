//! The interface `Node`: entities by their ids alone.

use std::collections::HashMap;

use async_graphql::{Context, ID, Interface};
use fritzy_actors::{ShopError, Snapshot};
use fritzy_domain::{EntityId, Flaw, Rejection, State, Stored};
use futures_util::future::join_all;

use super::app::app;
use super::errors::{FieldResult, rejected, shop_error};
use super::objects::{AccountObject, OrderObject};
use super::product::ProductObject;
use super::related::{OrderSource, order_objects, prefetch_orders};
use super::request::request;

/// Ids of one `nodes`: a page of a list. Each is a request to the owner of its shard.
pub(super) const IDS_MAX: usize = 100;

/// Object that can be read again by its id alone: `Account`, `Product` and `Order`.
#[derive(Interface, Clone)]
#[graphql(
    name = "Node",
    field(
        name = "id",
        ty = "ID",
        desc = "Id of the object, unique over all types."
    )
)]
pub(crate) enum NodeObject {
    Account(AccountObject),
    Product(ProductObject),
    Order(OrderObject),
}

/// The object with this id; `None` where there is none.
pub(super) async fn find_node(context: &Context<'_>, id: &str) -> FieldResult<Option<NodeObject>> {
    let deadline = request(context).deadline;
    let found = app(context).shop.by_id().find(id, "id", deadline).await;
    let found = found.map_err(shop_error)?;
    let objects = objects(context, found.iter()).await?;
    Ok(objects.into_values().next())
}

/// The objects with these ids, in their order; `None` where there is none. All are asked for at
/// once, and one that cannot be read fails alone.
///
/// # Errors
/// When there are more than [`IDS_MAX`] ids, and as [`find_each`].
pub(super) async fn find_nodes(
    context: &Context<'_>,
    ids: &[ID],
) -> FieldResult<Vec<Option<FieldResult<NodeObject>>>> {
    if ids.len() > IDS_MAX {
        let flaw = Flaw::TooMany { max: IDS_MAX };
        return Err(rejected(Rejection::invalid("ids", flaw)));
    }
    let named = ids.iter().enumerate();
    let named = named.map(|(index, id)| (id.as_str(), format!("ids[{index}]")));
    find_each(context, named.collect()).await
}

/// The objects with these ids, each with the name of its argument, in their order.
///
/// # Errors
/// When what the objects' fields need besides them cannot be read.
pub(super) async fn find_each(
    context: &Context<'_>,
    ids: Vec<(&str, String)>,
) -> FieldResult<Vec<Option<FieldResult<NodeObject>>>> {
    let (by_id, deadline) = (app(context).shop.by_id(), request(context).deadline);
    let finding = ids
        .iter()
        .map(|(id, field)| by_id.find(id, field, deadline));
    let found = join_all(finding).await;
    let objects = objects(context, found.iter().flatten().flatten()).await?;
    let object = |found: Result<Option<Snapshot>, ShopError>| match found {
        Ok(found) => found.map(|snapshot| Ok(objects[&snapshot.state.id()].clone())),
        Err(error) => Some(Err(shop_error(error))),
    };
    Ok(found.into_iter().map(object).collect())
}

/// The objects of these states by their ids. What orders and accounts need for their selected
/// fields is read together.
async fn objects(
    context: &Context<'_>,
    found: impl Iterator<Item = &Snapshot>,
) -> FieldResult<HashMap<EntityId, NodeObject>> {
    let mut objects = HashMap::new();
    let (mut accounts, mut orders) = (Vec::new(), Vec::new());
    for snapshot in found {
        let Stored { version, state } = Stored::clone(snapshot);
        match state {
            State::Account(state) => accounts.push(Stored { version, state }),
            State::Order(state) => orders.push(Stored { version, state }),
            State::Product(state) => {
                let id = state.id.into();
                let product = ProductObject::from(Stored { version, state });
                objects.insert(id, NodeObject::Product(product));
            }
        }
    }
    let selections = [context.field()];
    let mut accounts: Vec<AccountObject> = accounts.into_iter().map(Into::into).collect();
    prefetch_orders(context, &selections, &mut accounts).await?;
    for account in accounts {
        objects.insert(account.state().id.into(), NodeObject::Account(account));
    }
    for order in order_objects(context, &selections, OrderSource::Owners, orders).await? {
        objects.insert(order.order_id().into(), NodeObject::Order(order));
    }
    Ok(objects)
}
