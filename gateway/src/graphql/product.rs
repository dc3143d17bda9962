//! The types `Product` and `Money`.

use async_graphql::{ID, Object, SimpleObject};
use fritzy_domain::{Money, Product, Stored};

use super::annotations::{MetadataEntry, entries_of, reference_of};
use super::budgeted::{Row, Text};
use super::scalars::{Decimal, MinorUnits, Time};

/// Exact amount of money.
#[derive(SimpleObject, Clone)]
#[graphql(name = "Money")]
pub(crate) struct MoneyObject {
    /// Decimal number with all decimals of the currency, such as "1999.98".
    amount: String,
    /// ISO 4217 code of the currency, such as "USD".
    currency: String,
    /// Amount in minor units, such as 199998 cents.
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

#[derive(Clone)]
pub(crate) struct ProductObject(Stored<Product>);

impl From<Stored<Product>> for ProductObject {
    fn from(product: Stored<Product>) -> Self {
        Self(product)
    }
}

/// Product of the shop.
#[Object(name = "Product")]
impl ProductObject {
    /// Id of the product.
    pub(super) async fn id(&self) -> ID {
        self.0.state.id.to_string().into()
    }

    /// Name of the product.
    async fn name(&self) -> Text<'_> {
        Text(&self.0.state.name)
    }

    /// Description of the product; may be empty.
    async fn description(&self) -> Text<'_> {
        Text(&self.0.state.description)
    }

    /// Price of one unit, exact to the last decimal.
    async fn price(&self) -> Decimal {
        self.0.state.price.into()
    }

    /// Price of one unit, with its currency.
    async fn price_money(&self) -> MoneyObject {
        self.0.state.price.into()
    }

    /// Whether the product is withdrawn: it is read-only and cannot be ordered.
    async fn withdrawn(&self) -> bool {
        self.0.state.withdrawn
    }

    /// Reference of another system, unique among products that are not withdrawn.
    async fn external_reference(&self) -> Option<Text<'_>> {
        reference_of(&self.0.state.annotations)
    }

    /// Metadata, by key; empty if there is none.
    async fn metadata(&self) -> Vec<Row<MetadataEntry<'_>>> {
        entries_of(&self.0.state.annotations)
    }

    /// Revision; pass as `expectedVersion` for optimistic locking.
    async fn version(&self) -> u64 {
        self.0.version
    }

    /// When the product was created.
    async fn created_at(&self) -> Time {
        Time(self.0.state.created_at)
    }
}
