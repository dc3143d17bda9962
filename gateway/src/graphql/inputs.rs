//! Input objects. They carry the client's input unchecked; the shop validates it.

use async_graphql::InputObject;
use fritzy_actors::{
    AccountInput as ShopAccount, OrderInput as ShopOrder, OrderLineInput, PriceInput,
    ProductInput as ShopProduct,
};
use fritzy_domain::Currency;

use super::annotations::{self, MetadataEntryInput};
use super::scalars::Decimal;

/// Account to create, for a new customer.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct AccountInput {
    /// Name: one line of 1 to 200 characters.
    pub(crate) name: String,
    /// Reference of another system: one line of 1 to 128 characters, unique among open accounts.
    pub(crate) external_reference: Option<String>,
    /// Metadata: at most 20 entries, and 8192 bytes in all.
    pub(crate) metadata: Option<Vec<MetadataEntryInput>>,
}

impl AccountInput {
    pub(crate) fn into_shop(self) -> ShopAccount {
        ShopAccount {
            name: self.name,
            annotations: annotations::input(self.external_reference, self.metadata),
        }
    }
}

/// Product to create, priced in the shop's currency.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct ProductInput {
    /// Name: one line of 1 to 200 characters.
    pub(crate) name: String,
    /// Description: at most 4000 characters; may be empty.
    pub(crate) description: String,
    /// Price of one unit: 0 or more, with at most the decimals of the currency.
    pub(crate) price: Decimal,
    /// Reference of another system: one line of 1 to 128 characters, unique among products that are not withdrawn.
    pub(crate) external_reference: Option<String>,
    /// Metadata: at most 20 entries, and 8192 bytes in all.
    pub(crate) metadata: Option<Vec<MetadataEntryInput>>,
}

impl ProductInput {
    pub(crate) fn into_shop(self, currency: Currency) -> ShopProduct {
        let price = PriceInput {
            amount: self.price.0,
            amount_field: "price",
            currency: currency.code().to_owned(),
        };
        ShopProduct {
            name: self.name,
            description: self.description,
            price,
            annotations: annotations::input(self.external_reference, self.metadata),
        }
    }
}

/// Amount as text, with its currency.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct MoneyInput {
    /// Decimal digits, such as "1999.98".
    pub(crate) amount: String,
    /// ISO 4217 code; defaults to the shop's currency, and for a new price to the product's.
    pub(crate) currency: Option<String>,
}

/// Product to create, priced in any currency, with the amount as text.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct PricedProductInput {
    /// Name: one line of 1 to 200 characters.
    pub(crate) name: String,
    /// Description: at most 4000 characters; may be empty.
    pub(crate) description: String,
    /// Price of one unit: 0 or more, with at most the decimals of the currency.
    pub(crate) price: MoneyInput,
    /// Reference of another system: one line of 1 to 128 characters, unique among products that are not withdrawn.
    pub(crate) external_reference: Option<String>,
    /// Metadata: at most 20 entries, and 8192 bytes in all.
    pub(crate) metadata: Option<Vec<MetadataEntryInput>>,
}

impl PricedProductInput {
    pub(crate) fn into_shop(self, currency: Currency) -> ShopProduct {
        let price = self.price.into_shop(currency);
        ShopProduct {
            name: self.name,
            description: self.description,
            price,
            annotations: annotations::input(self.external_reference, self.metadata),
        }
    }
}

impl MoneyInput {
    /// The price, in `currency` unless the input names one.
    pub(crate) fn into_shop(self, currency: Currency) -> PriceInput {
        PriceInput {
            amount: self.amount,
            amount_field: "price.amount",
            currency: self.currency.unwrap_or_else(|| currency.code().to_owned()),
        }
    }
}

/// Line of an order to place.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct OrderProductInput {
    /// Id of the product. A product may be on one line only.
    pub(crate) product_id: String,
    /// Quantity: 1 to 1000000.
    pub(crate) quantity: i32,
}

/// Order to place, at the current prices.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct OrderInput {
    /// Id of the account.
    pub(crate) account_id: String,
    /// 1 to 100 lines, all priced in one currency.
    pub(crate) products: Vec<OrderProductInput>,
    /// Reference of another system: one line of 1 to 128 characters, unique among orders.
    pub(crate) external_reference: Option<String>,
    /// Metadata: at most 20 entries, and 8192 bytes in all.
    pub(crate) metadata: Option<Vec<MetadataEntryInput>>,
}

impl OrderInput {
    pub(crate) fn into_shop(self) -> ShopOrder {
        let line = |line: OrderProductInput| OrderLineInput {
            product_id: line.product_id,
            quantity: i64::from(line.quantity),
        };
        ShopOrder {
            account_id: self.account_id,
            lines: self.products.into_iter().map(line).collect(),
            annotations: annotations::input(self.external_reference, self.metadata),
        }
    }
}
