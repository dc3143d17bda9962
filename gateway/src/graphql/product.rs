//! `Product` and `Money`.

use async_graphql::{Object, SimpleObject};
use fritzy_domain::{Money, Product};

use super::scalars::{Decimal, MinorUnits, Time};

/// An exact amount.
#[derive(SimpleObject, Clone)]
#[graphql(name = "Money")]
pub(crate) struct MoneyObject {
    /// The decimal with all the currency's decimals, such as "1999.98".
    amount: String,
    /// The ISO 4217 code.
    currency: String,
    /// The amount in minor units, such as 199998 cents.
    minor_units: MinorUnits,
}

impl From<Money> for MoneyObject {
    fn from(money: Money) -> Self {
        Self {
            amount: money.to_string(),
            currency: money.currency().to_string(),
            minor_units: MinorUnits(money.minor_units()),
        }
    }
}

/// Something to order.
pub(crate) struct ProductObject(Product);

impl From<Product> for ProductObject {
    fn from(product: Product) -> Self {
        Self(product)
    }
}

/// Something to order.
#[Object(name = "Product")]
impl ProductObject {
    /// Its id.
    async fn id(&self) -> String {
        self.0.id.to_string()
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its description; may be empty.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The price of one unit, exact to the last decimal.
    async fn price(&self) -> Decimal {
        self.0.price.into()
    }

    /// The price of one unit, with its currency.
    async fn price_money(&self) -> MoneyObject {
        self.0.price.into()
    }

    /// When it was created.
    async fn created_at(&self) -> Time {
        Time(self.0.created_at)
    }
}
