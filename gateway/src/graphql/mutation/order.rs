//! The mutations of orders.

use async_graphql::{Context, ID, MaybeUndefined, Object};
use fritzy_actors::OrderLineInput;
use fritzy_domain::{FingerprintBuilder, OrderCommand};

use super::super::annotations::{AnnotationArguments, MetadataChangeInput, fingerprint};
use super::super::app::app;
use super::super::errors::{FieldResult, rejected, shop_error};
use super::super::idempotency::command_request;
use super::super::inputs::OrderInput;
use super::super::objects::OrderObject;
use super::super::related::order_object;
use super::{Change, failing_alone};

pub(super) struct OrderMutations;

#[Object]
impl OrderMutations {
    /// Places an order at the current prices.
    async fn create_order(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Order to place.")] order: OrderInput,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<OrderObject>> {
        failing_alone(context, async {
            let order = order.into_shop();
            let content = |print: FingerprintBuilder| {
                let line = |print: FingerprintBuilder, line: &OrderLineInput| {
                    print.text(&line.product_id).number(line.quantity)
                };
                let print = order.lines.iter().fold(print.text(&order.account_id), line);
                fingerprint(print, &order.annotations)
            };
            let key = idempotency_key.as_deref();
            let request =
                command_request(context, "createOrder", "", key, content).map_err(rejected)?;
            let placed = app(context).shop.place_order(&request, &order).await;
            let placed = placed.map_err(|error| shop_error(error).inside("order"))?;
            order_object(context, placed).await
        })
        .await
    }

    /// Confirms an order that was placed and not confirmed yet.
    async fn confirm_order(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the order.")] id: String,
        #[graphql(desc = "Version that the order must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<OrderObject>> {
        failing_alone(context, async {
            let change = Change::new(id, expected_version, idempotency_key)?;
            change_order(context, "confirmOrder", change, OrderCommand::Confirm).await
        })
        .await
    }

    /// Completes a confirmed order: it was delivered.
    async fn complete_order(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the order.")] id: String,
        #[graphql(desc = "Version that the order must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<OrderObject>> {
        failing_alone(context, async {
            let change = Change::new(id, expected_version, idempotency_key)?;
            change_order(context, "completeOrder", change, OrderCommand::Complete).await
        })
        .await
    }

    /// Cancels an order that is not completed; the reason has at most 500 characters.
    async fn cancel_order(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the order.")] id: String,
        #[graphql(desc = "Reason, of at most 500 characters.")] reason: Option<String>,
        #[graphql(desc = "Version that the order must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<OrderObject>> {
        failing_alone(context, async {
            let change = Change::new(id, expected_version, idempotency_key)?;
            change_order(
                context,
                "cancelOrder",
                change,
                OrderCommand::Cancel { reason },
            )
            .await
        })
        .await
    }

    /// Changes the external reference, the metadata, or both, in every status.
    async fn annotate_order(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Id of the order.")] id: ID,
        #[graphql(
            desc = "New reference: one line of 1 to 128 characters. Without it, the reference stays; null removes it."
        )]
        external_reference: MaybeUndefined<String>,
        #[graphql(
            desc = "Entries to set or remove; the others stay. Null removes all."
        )]
        metadata: MaybeUndefined<Vec<MetadataChangeInput>>,
        #[graphql(desc = "Version that the order must have; any, if none is given.")]
        expected_version: Option<i32>,
        #[graphql(desc = "Key of 1 to 255 bytes: a repeat with it returns the first result.")]
        idempotency_key: Option<String>,
    ) -> Option<FieldResult<OrderObject>> {
        failing_alone(context, async {
            let given = AnnotationArguments::new(external_reference, metadata);
            let change = Change::new(id.0, expected_version, idempotency_key)?;
            let content = |print| given.fingerprint(print);
            let request = change.request(context, "annotateOrder", content)?;
            let annotate = OrderCommand::Annotate(given.parse().map_err(rejected)?);
            let annotated = app(context)
                .shop
                .command_order(&request, change.target(), annotate)
                .await;
            order_object(context, annotated.map_err(shop_error)?).await
        })
        .await
    }
}

async fn change_order(
    context: &Context<'_>,
    mutation: &str,
    change: Change,
    command: OrderCommand,
) -> FieldResult<OrderObject> {
    let request = change.request(context, mutation, |print| match &command {
        OrderCommand::Cancel { reason } => print.optional(reason.as_deref()),
        _ => print,
    })?;
    let moved = app(context)
        .shop
        .command_order(&request, change.target(), command)
        .await;
    order_object(context, moved.map_err(shop_error)?).await
}
