//! `Product` and `Money`.

use async_graphql::{Object, SimpleObject};
use fritzy_domain::{Money, Product, Stored};

use super::budgeted::Text;
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
#[derive(Clone)]
pub(crate) struct ProductObject(Stored<Product>);

impl From<Stored<Product>> for ProductObject {
    fn from(product: Stored<Product>) -> Self {
        Self(product)
    }
}

/// Something to order.
#[Object(name = "Product")]
impl ProductObject {
    /// Its id.
    async fn id(&self) -> String {
        self.0.state.id.to_string()
    }

    /// Its name.
    async fn name(&self) -> Text<'_> {
        Text(&self.0.state.name)
    }

    /// Its description; may be empty.
    async fn description(&self) -> Text<'_> {
        Text(&self.0.state.description)
    }

    /// The price of one unit, exact to the last decimal.
    async fn price(&self) -> Decimal {
        self.0.state.price.into()
    }

    /// The price of one unit, with its currency.
    async fn price_money(&self) -> MoneyObject {
        self.0.state.price.into()
    }

    /// Whether it is withdrawn; it is not to be had then.
    async fn withdrawn(&self) -> bool {
        self.0.state.withdrawn
    }

    /// How many changes made it what it is; for `expectedVersion`.
    async fn version(&self) -> u64 {
        self.0.version
    }

    /// When it was created.
    async fn created_at(&self) -> Time {
        Time(self.0.state.created_at)
    }
}
