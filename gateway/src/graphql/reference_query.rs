//! The queries by external reference. They return `None` where nothing has it.

use async_graphql::Context;

use super::app::app;
use super::errors::{FieldResult, shop_error};
use super::objects::{AccountObject, OrderObject};
use super::product::ProductObject;
use super::related::order_object;
use super::request::request;

pub(super) async fn account_by(
    context: &Context<'_>,
    reference: &str,
) -> Option<FieldResult<AccountObject>> {
    let deadline = request(context).deadline;
    let found = app(context).shop.references().account(reference, deadline);
    let found = found.await.transpose()?;
    Some(found.map(AccountObject::from).map_err(shop_error))
}

pub(super) async fn product_by(
    context: &Context<'_>,
    reference: &str,
) -> Option<FieldResult<ProductObject>> {
    let deadline = request(context).deadline;
    let found = app(context).shop.references().product(reference, deadline);
    let found = found.await.transpose()?;
    Some(found.map(ProductObject::from).map_err(shop_error))
}

pub(super) async fn order_by(
    context: &Context<'_>,
    reference: &str,
) -> Option<FieldResult<OrderObject>> {
    let deadline = request(context).deadline;
    let found = app(context).shop.references().order(reference, deadline);
    match found.await.transpose()? {
        Ok(order) => Some(order_object(context, order).await),
        Err(error) => Some(Err(shop_error(error))),
    }
}
