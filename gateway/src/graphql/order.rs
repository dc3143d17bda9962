//! The types `Order` and `OrderedProduct`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::{Context, Enum, Object, SelectionField};
use fritzy_domain::{
    Money, Order, OrderId, OrderKey, OrderLine, OrderSort, OrderStatus, OrderTimes, ProductId,
    SortKey, Stored, Version,
};

use super::app::app;
use super::budgeted::{Row, Text};
use super::errors::{FieldResult, shop_error};
use super::product::MoneyObject;
use super::request::budget;
use super::scalars::{Decimal, Time};
use super::selection::inside;

/// Status of an order.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(name = "OrderStatus")]
pub(crate) enum OrderStatusEnum {
    /// The order is placed.
    Created,
    /// The order is accepted.
    Confirmed,
    /// The order is delivered; final.
    Completed,
    /// The order is cancelled; final.
    Cancelled,
}

impl From<OrderStatus> for OrderStatusEnum {
    fn from(status: OrderStatus) -> Self {
        match status {
            OrderStatus::Created => Self::Created,
            OrderStatus::Confirmed => Self::Confirmed,
            OrderStatus::Completed => Self::Completed,
            OrderStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<OrderStatusEnum> for OrderStatus {
    fn from(status: OrderStatusEnum) -> Self {
        match status {
            OrderStatusEnum::Created => Self::Created,
            OrderStatusEnum::Confirmed => Self::Confirmed,
            OrderStatusEnum::Completed => Self::Completed,
            OrderStatusEnum::Cancelled => Self::Cancelled,
        }
    }
}

type Descriptions = HashMap<ProductId, String>;

#[derive(Clone)]
pub(crate) struct OrderObject {
    order: Arc<Order>,
    version: Version,
    /// Descriptions of the products of all orders in one list, where they are selected.
    descriptions: Arc<Descriptions>,
    /// When it changed, where that was read with its list.
    times: Option<OrderTimes>,
}

impl From<Stored<Order>> for OrderObject {
    fn from(order: Stored<Order>) -> Self {
        let (order, version) = (Arc::new(order.state), order.version);
        Self {
            order,
            version,
            descriptions: Arc::default(),
            times: None,
        }
    }
}

impl OrderObject {
    /// Its sort key among the orders of its account.
    pub(crate) fn key(&self) -> SortKey {
        SortKey {
            created_at: self.order.created_at,
            id: *self.order.id.as_uuid(),
        }
    }

    /// Its key in the list of all orders.
    pub(crate) fn key_by(&self, sort: OrderSort) -> OrderKey {
        OrderKey::of(&self.order, sort)
    }

    pub(crate) fn id_and_version(&self) -> (OrderId, Version) {
        (self.order.id, self.version)
    }

    pub(crate) const fn set_times(&mut self, times: OrderTimes) {
        self.times = Some(times);
    }

    /// When it changed, if the journal need not be read for that.
    pub(crate) fn known_times(&self) -> Option<OrderTimes> {
        let created = OrderTimes {
            updated_at: self.order.created_at,
            closed_at: None,
        };
        self.times
            .or_else(|| (self.version == 1).then_some(created))
    }

    /// When it changed: known already, or read now from the primary, which has every version that
    /// an actor has returned.
    async fn read_times(&self, context: &Context<'_>) -> FieldResult<OrderTimes> {
        if let Some(times) = self.known_times() {
            return Ok(times);
        }
        let lists = app(context).shop.lists();
        let read = lists
            .order_times(&[self.id_and_version()], budget(context))
            .await;
        let times = read.map_err(|error| shop_error(error).at(context))?;
        Ok(times.first().copied().expect("one for each order"))
    }
}

/// Adds the descriptions of products to `orders`, if `selections`, which select these orders,
/// include any: one read for all of them.
pub(crate) async fn attach_descriptions(
    context: &Context<'_>,
    selections: &[SelectionField<'_>],
    orders: &mut [&mut OrderObject],
) -> FieldResult<()> {
    if inside(&inside(selections, "products"), "description").is_empty() {
        return Ok(());
    }
    let lines = orders.iter().flat_map(|order| &order.order.lines);
    let ids: HashSet<ProductId> = lines.map(|line| line.product_id).collect();
    let ids: Vec<ProductId> = ids.into_iter().collect();
    let shop = &app(context).shop;
    let products = shop.products_by_id(&ids, budget(context)).await;
    let found = products.map_err(shop_error)?.into_iter().flatten();
    let descriptions: Descriptions = found
        .map(|product| (product.state.id, product.state.description))
        .collect();
    let descriptions = Arc::new(descriptions);
    for order in orders {
        order.descriptions = descriptions.clone();
    }
    Ok(())
}

/// Order of an account, at the prices of the time of ordering.
#[Object(name = "Order")]
impl OrderObject {
    /// Id of the order.
    async fn id(&self) -> String {
        self.order.id.to_string()
    }

    /// Id of the account that ordered.
    async fn account_id(&self) -> String {
        self.order.account_id.to_string()
    }

    /// When the order was placed.
    async fn created_at(&self) -> Time {
        Time(self.order.created_at)
    }

    /// When the order was last changed; at first, when it was placed.
    async fn updated_at(&self, context: &Context<'_>) -> FieldResult<Time> {
        Ok(Time(self.read_times(context).await?.updated_at))
    }

    /// When the order was completed or cancelled; null while it can still change its status.
    async fn closed_at(&self, context: &Context<'_>) -> FieldResult<Option<Time>> {
        Ok(self.read_times(context).await?.closed_at.map(Time))
    }

    /// Sum of all lines, exact to the last decimal.
    async fn total_price(&self) -> Decimal {
        self.order.total.into()
    }

    /// Sum of all lines, with its currency.
    async fn total_money(&self) -> MoneyObject {
        self.order.total.into()
    }

    /// Current status; `COMPLETED` and `CANCELLED` are final.
    async fn status(&self) -> OrderStatusEnum {
        self.order.status.into()
    }

    /// Reason for the cancellation, if one was given.
    async fn cancel_reason(&self) -> Option<Text<'_>> {
        self.order.cancel_reason.as_deref().map(Text)
    }

    /// Revision; pass as `expectedVersion` for optimistic locking.
    async fn version(&self) -> u64 {
        self.version
    }

    /// Lines, in the order of the request.
    async fn products(&self) -> Vec<Row<OrderedProduct>> {
        let lines = 0..self.order.lines.len();
        lines
            .map(|index| {
                Row(OrderedProduct {
                    order: self.clone(),
                    index,
                })
            })
            .collect()
    }
}

/// A line of an order.
struct OrderedProduct {
    order: OrderObject,
    index: usize,
}

impl OrderedProduct {
    fn line(&self) -> &OrderLine {
        &self.order.order.lines[self.index]
    }

    fn unit_price(&self) -> Money {
        let currency = self.order.order.total.currency();
        Money::from_minor_units(self.line().unit_price_minor, currency)
            .expect("the price of a line was validated when the order was decided")
    }
}

/// Line of an order: a product as of the time of ordering.
#[Object(name = "OrderedProduct")]
impl OrderedProduct {
    /// Id of the product.
    async fn id(&self) -> String {
        self.line().product_id.to_string()
    }

    /// Name of the product at the time of ordering.
    async fn name(&self) -> Text<'_> {
        Text(&self.line().name)
    }

    /// Current description of the product.
    async fn description(&self) -> Text<'_> {
        let descriptions = &self.order.descriptions;
        let description = descriptions.get(&self.line().product_id);
        Text(description.map_or("", String::as_str))
    }

    /// Price of one unit at the time of ordering, exact to the last decimal.
    async fn price(&self) -> Decimal {
        self.unit_price().into()
    }

    /// Price of one unit at the time of ordering, with its currency.
    async fn price_money(&self) -> MoneyObject {
        self.unit_price().into()
    }

    /// Number of units ordered, from 1 to 1000000.
    async fn quantity(&self) -> u32 {
        self.line().quantity
    }
}
