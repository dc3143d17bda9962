//! The mutations. Each hands on what the client wrote, with the command its key stands for.

use async_graphql::{Context, Object, Result};
use fritzy_actors::{ProductInput as ShopProduct, Request};
use fritzy_domain::{FingerprintBuilder, OrderCommand};

use super::account::AccountObject;
use super::errors::{ApiError, rejected, shop_error};
use super::idempotency::command_request;
use super::inputs::{AccountInput, OrderInput, PricedProductInput, ProductInput};
use super::order::{OrderObject, with_descriptions};
use super::product::ProductObject;
use super::request::app;

pub(crate) struct Mutation;

/// What can be changed. Every mutation takes an idempotency key, as an argument or for all mutations
/// of a request as the header `Idempotency-Key`: repeated with the same key and content it answers
/// what it answered first, and changes nothing more.
#[Object]
impl Mutation {
    /// Creates an account.
    async fn create_account(
        &self,
        context: &Context<'_>,
        account: AccountInput,
        idempotency_key: Option<String>,
    ) -> Result<Option<AccountObject>> {
        let key = idempotency_key.as_deref();
        let content = |print: FingerprintBuilder| print.text(&account.name);
        let request =
            command_request(context, "createAccount", "", key, content).map_err(rejected)?;
        let created = app(context)
            .shop
            .create_account(&request, account.name)
            .await;
        let created = created.map_err(|error| shop_error(error).inside("account"))?;
        Ok(Some(created.state.into()))
    }

    /// Creates a product, priced in the shop's currency.
    async fn create_product(
        &self,
        context: &Context<'_>,
        product: ProductInput,
        idempotency_key: Option<String>,
    ) -> Result<Option<ProductObject>> {
        let product = product.into_shop(app(context).currency);
        let key = idempotency_key.as_deref();
        let request = command_request(context, "createProduct", "", key, print_of(&product));
        Ok(Some(
            create_product(context, request.map_err(rejected)?, product).await?,
        ))
    }

    /// Creates a product, priced in any currency, its amount given as text.
    async fn create_priced_product(
        &self,
        context: &Context<'_>,
        product: PricedProductInput,
        idempotency_key: Option<String>,
    ) -> Result<Option<ProductObject>> {
        let product = product.into_shop(app(context).currency);
        let key = idempotency_key.as_deref();
        let request = command_request(context, "createPricedProduct", "", key, print_of(&product));
        Ok(Some(
            create_product(context, request.map_err(rejected)?, product).await?,
        ))
    }

    /// Places an order at the prices of this moment.
    async fn create_order(
        &self,
        context: &Context<'_>,
        order: OrderInput,
        idempotency_key: Option<String>,
    ) -> Result<Option<OrderObject>> {
        let order = order.into_shop();
        let content = |print: FingerprintBuilder| {
            let print = print.text(&order.account_id);
            let line = |print: FingerprintBuilder, line: &fritzy_actors::OrderLineInput| {
                print.text(&line.product_id).number(line.quantity)
            };
            order.lines.iter().fold(print, line)
        };
        let key = idempotency_key.as_deref();
        let request =
            command_request(context, "createOrder", "", key, content).map_err(rejected)?;
        let placed = app(context).shop.place_order(&request, &order).await;
        let placed = placed.map_err(|error| shop_error(error).inside("order"))?;
        answer(context, placed.state.into()).await
    }

    /// Accepts an order.
    async fn confirm_order(
        &self,
        context: &Context<'_>,
        id: String,
        idempotency_key: Option<String>,
    ) -> Result<Option<OrderObject>> {
        move_order(
            context,
            "confirmOrder",
            id,
            idempotency_key,
            OrderCommand::Confirm,
        )
        .await
    }

    /// Notes that an accepted order was delivered.
    async fn complete_order(
        &self,
        context: &Context<'_>,
        id: String,
        idempotency_key: Option<String>,
    ) -> Result<Option<OrderObject>> {
        move_order(
            context,
            "completeOrder",
            id,
            idempotency_key,
            OrderCommand::Complete,
        )
        .await
    }

    /// Calls off an order that is not completed; the reason has at most 500 characters.
    async fn cancel_order(
        &self,
        context: &Context<'_>,
        id: String,
        reason: Option<String>,
        idempotency_key: Option<String>,
    ) -> Result<Option<OrderObject>> {
        let command = OrderCommand::Cancel { reason };
        move_order(context, "cancelOrder", id, idempotency_key, command).await
    }
}

fn print_of(product: &ShopProduct) -> impl FnOnce(FingerprintBuilder) -> FingerprintBuilder {
    |print| {
        let ShopProduct {
            name,
            description,
            price,
        } = product;
        print
            .text(name)
            .text(description)
            .text(&price.amount)
            .text(&price.currency)
    }
}

async fn create_product(
    context: &Context<'_>,
    request: Request,
    product: ShopProduct,
) -> Result<ProductObject, ApiError> {
    let created = app(context).shop.create_product(&request, product).await;
    let created = created.map_err(|error| shop_error(error).inside("product"))?;
    Ok(created.state.into())
}

async fn move_order(
    context: &Context<'_>,
    mutation: &str,
    id: String,
    key: Option<String>,
    command: OrderCommand,
) -> Result<Option<OrderObject>> {
    let content = |print: FingerprintBuilder| match &command {
        OrderCommand::Cancel { reason } => print.optional(reason.as_deref()),
        _ => print,
    };
    let request =
        command_request(context, mutation, &id, key.as_deref(), content).map_err(rejected)?;
    let moved = app(context)
        .shop
        .command_order(&request, &id, command)
        .await
        .map_err(shop_error)?;
    answer(context, moved.state.into()).await
}

async fn answer(context: &Context<'_>, order: OrderObject) -> Result<Option<OrderObject>> {
    Ok(
        with_descriptions(context, context.look_ahead(), vec![order])
            .await?
            .pop(),
    )
}
