//! The types `OrderLine` and `OrderedProduct`: two views of a line of an order.

use async_graphql::{ID, Object};

use super::budgeted::Text;
use super::objects::LineRef;
use super::product::{MoneyObject, ProductObject};
use super::scalars::Decimal;

pub(super) struct OrderLineObject(pub(super) LineRef);

/// Line of an order: a product in a quantity, at the price of the time of ordering.
#[Object(name = "OrderLine")]
impl OrderLineObject {
    /// Id of the line: that of the order, a hyphen, and the number of the line, from 1.
    async fn id(&self) -> ID {
        format!("{}-{}", self.0.order_id(), self.0.number()).into()
    }

    /// Id of the product.
    async fn product_id(&self) -> ID {
        self.0.line().product_id.to_string().into()
    }

    /// Product as it is now; `name` and `unitPrice` of the line are of the time of ordering.
    async fn product(&self) -> Option<ProductObject> {
        self.0.product().cloned().map(ProductObject::from)
    }

    /// Name of the product at the time of ordering.
    async fn name(&self) -> Text<'_> {
        Text(&self.0.line().name)
    }

    /// Number of units ordered, from 1 to 1000000.
    async fn quantity(&self) -> u32 {
        self.0.line().quantity
    }

    /// Price of one unit at the time of ordering.
    async fn unit_price(&self) -> MoneyObject {
        self.0.unit_price().into()
    }

    /// Price of all units: `unitPrice` times `quantity`.
    async fn total(&self) -> MoneyObject {
        self.0.total().into()
    }
}

pub(super) struct OrderedProduct(pub(super) LineRef);

/// Line of an order: a product as of the time of ordering.
#[Object(name = "OrderedProduct")]
impl OrderedProduct {
    /// Id of the product.
    #[graphql(
        deprecation = "Caches that normalise objects by `id` mix lines of different orders. Use `lines { id productId }`."
    )]
    async fn id(&self) -> String {
        self.0.line().product_id.to_string()
    }

    /// Name of the product at the time of ordering.
    async fn name(&self) -> Text<'_> {
        Text(&self.0.line().name)
    }

    /// Current description of the product.
    async fn description(&self) -> Text<'_> {
        let product = self.0.product();
        Text(product.map_or("", |product| product.state.description.as_str()))
    }

    /// Price of one unit at the time of ordering, exact to the last decimal.
    async fn price(&self) -> Decimal {
        self.0.unit_price().into()
    }

    /// Price of one unit at the time of ordering, with its currency.
    async fn price_money(&self) -> MoneyObject {
        self.0.unit_price().into()
    }

    /// Number of units ordered, from 1 to 1000000.
    async fn quantity(&self) -> u32 {
        self.0.line().quantity
    }
}
