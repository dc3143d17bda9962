//! Input objects. They carry what the client wrote; the shop judges it.

use async_graphql::InputObject;
use fritzy_actors::{
    OrderInput as ShopOrder, OrderLineInput, PriceInput, ProductInput as ShopProduct,
};
use fritzy_domain::Currency;

use super::scalars::Decimal;

/// An account to create.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct AccountInput {
    /// One line of 1 to 200 characters.
    pub(crate) name: String,
}

/// A product to create, priced in the shop's currency.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct ProductInput {
    /// One line of 1 to 200 characters.
    pub(crate) name: String,
    /// At most 4000 characters; may be empty.
    pub(crate) description: String,
    /// The price of one unit: 0 or more, no more decimals than the currency has.
    pub(crate) price: Decimal,
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
        }
    }
}

/// An amount as text, with its currency.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct MoneyInput {
    /// Decimal digits, such as "1999.98".
    pub(crate) amount: String,
    /// An ISO 4217 code; the shop's currency unless given.
    pub(crate) currency: Option<String>,
}

/// A product to create, priced in any currency, its amount as text.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct PricedProductInput {
    /// One line of 1 to 200 characters.
    pub(crate) name: String,
    /// At most 4000 characters; may be empty.
    pub(crate) description: String,
    /// The price of one unit: 0 or more, no more decimals than the currency has.
    pub(crate) price: MoneyInput,
}

impl PricedProductInput {
    pub(crate) fn into_shop(self, currency: Currency) -> ShopProduct {
        let price = self.price.into_shop(currency);
        ShopProduct {
            name: self.name,
            description: self.description,
            price,
        }
    }
}

impl MoneyInput {
    /// As the price of something.
    pub(crate) fn into_shop(self, currency: Currency) -> PriceInput {
        PriceInput {
            amount: self.amount,
            amount_field: "price.amount",
            currency: self.currency.unwrap_or_else(|| currency.code().to_owned()),
        }
    }
}

/// One line of an order to place.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct OrderProductInput {
    /// The product's id; each product on one line only.
    pub(crate) product_id: String,
    /// How many: 1 to 1000000.
    pub(crate) quantity: i32,
}

/// An order to place.
#[derive(InputObject, Clone, Debug)]
pub(crate) struct OrderInput {
    /// The account's id.
    pub(crate) account_id: String,
    /// 1 to 100 lines, all priced in one currency.
    pub(crate) products: Vec<OrderProductInput>,
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
        }
    }
}
