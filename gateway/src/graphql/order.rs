//! `Order` and `OrderedProduct`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::{Context, Enum, Object, SelectionField};
use fritzy_domain::{Money, Order, OrderLine, OrderStatus, ProductId, SortKey, Stored, Version};

use super::budgeted::{Row, Text};
use super::errors::{FieldResult, shop_error};
use super::product::MoneyObject;
use super::request::{app, room};
use super::scalars::{Decimal, Time};

/// How far an order has come.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "OrderStatus")]
enum OrderStatusEnum {
    /// Placed.
    Created,
    /// Accepted.
    Confirmed,
    /// Delivered; final.
    Completed,
    /// Called off; final.
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

impl OrderObject {
    /// Where it stands among its account's orders.
    pub(crate) fn key(&self) -> SortKey {
        SortKey {
            created_at: self.order.created_at,
            id: *self.order.id.as_uuid(),
        }
    }
}

type Descriptions = HashMap<ProductId, String>;

/// What an account ordered.
#[derive(Clone)]
pub(crate) struct OrderObject {
    order: Arc<Order>,
    version: Version,
    /// Descriptions of the products of all the orders answered together, where they are asked for.
    descriptions: Arc<Descriptions>,
}

impl From<Stored<Order>> for OrderObject {
    fn from(order: Stored<Order>) -> Self {
        let (order, version) = (Arc::new(order.state), order.version);
        Self {
            order,
            version,
            descriptions: Arc::default(),
        }
    }
}

/// Adds the products' descriptions to `orders`, where the selections of these orders ask for any: one
/// read for all of them.
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
    let products = shop.products_by_id(&ids, room(context)).await;
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

/// The fields of one name inside any of these fields.
pub(crate) fn inside<'a>(fields: &[SelectionField<'a>], name: &str) -> Vec<SelectionField<'a>> {
    let inside = fields.iter().flat_map(SelectionField::selection_set);
    inside.filter(|field| field.name() == name).collect()
}

/// What an account ordered, at the prices of that moment.
#[Object(name = "Order")]
impl OrderObject {
    /// Its id.
    async fn id(&self) -> String {
        self.order.id.to_string()
    }

    /// The account that ordered.
    async fn account_id(&self) -> String {
        self.order.account_id.to_string()
    }

    /// When it was placed.
    async fn created_at(&self) -> Time {
        Time(self.order.created_at)
    }

    /// The sum over its lines, exact to the last decimal.
    async fn total_price(&self) -> Decimal {
        self.order.total.into()
    }

    /// The sum over its lines, with its currency.
    async fn total_money(&self) -> MoneyObject {
        self.order.total.into()
    }

    /// How far it has come.
    async fn status(&self) -> OrderStatusEnum {
        self.order.status.into()
    }

    /// Why it was cancelled, if it was and somebody said why.
    async fn cancel_reason(&self) -> Option<Text<'_>> {
        self.order.cancel_reason.as_deref().map(Text)
    }

    /// How many changes made it what it is; for `expectedVersion`.
    async fn version(&self) -> u64 {
        self.version
    }

    /// Its lines, in the order they were given.
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

/// One line of an order.
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
            .expect("a line's price was an amount when the order was decided")
    }
}

/// One line of an order: a product as it was at the moment of ordering.
#[Object(name = "OrderedProduct")]
impl OrderedProduct {
    /// The product's id.
    async fn id(&self) -> String {
        self.line().product_id.to_string()
    }

    /// The product's name at the moment of ordering.
    async fn name(&self) -> Text<'_> {
        Text(&self.line().name)
    }

    /// The product's description as it is now.
    async fn description(&self) -> Text<'_> {
        let descriptions = &self.order.descriptions;
        let description = descriptions.get(&self.line().product_id);
        Text(description.map_or("", String::as_str))
    }

    /// The price of one unit at the moment of ordering, exact to the last decimal.
    async fn price(&self) -> Decimal {
        self.unit_price().into()
    }

    /// The price of one unit at the moment of ordering, with its currency.
    async fn price_money(&self) -> MoneyObject {
        self.unit_price().into()
    }

    /// How many.
    async fn quantity(&self) -> u32 {
        self.line().quantity
    }
}
