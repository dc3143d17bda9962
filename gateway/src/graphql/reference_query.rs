//! The queries by external reference. They return `None` where nothing has it.

use async_graphql::Context;

use super::account::AccountObject;
use super::app::app;
use super::errors::{FieldResult, shop_error};
use super::order::{OrderObject, attach_descriptions};
use super::product::ProductObject;
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
    let mut order = match found.await.transpose()? {
        Ok(order) => OrderObject::from(order),
        Err(error) => return Some(Err(shop_error(error))),
    };
    let attached = attach_descriptions(context, &[context.field()], &mut [&mut order]).await;
    Some(attached.map(|()| order))
}
