//! The documents a replay sends and the answers it reads. Amounts stay the text of their JSON numbers.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Cents;

pub(super) const CREATE_ACCOUNT: &str = "\
mutation CreateAccount($account: AccountInput!, $idempotencyKey: String) {
  createAccount(account: $account, idempotencyKey: $idempotencyKey) { id name }
}";

pub(super) const CREATE_PRODUCT: &str = "\
mutation CreateProduct($product: ProductInput!, $idempotencyKey: String) {
  createProduct(product: $product, idempotencyKey: $idempotencyKey) {
    id name description price priceMoney { minorUnits }
  }
}";

pub(super) const CREATE_ORDER: &str = "\
mutation CreateOrder($order: OrderInput!, $idempotencyKey: String) {
  createOrder(order: $order, idempotencyKey: $idempotencyKey) {
    id totalPrice totalMoney { amount minorUnits }
  }
}";

pub(super) const READ_ACCOUNT: &str = "\
query ReadAccount($id: String, $pagination: PaginationInput) {
  accounts(id: $id) {
    id name
    orders(pagination: $pagination) {
      id totalPrice totalMoney { amount minorUnits }
      products { id name price quantity priceMoney { minorUnits } }
    }
  }
}";

pub(super) const READ_PRODUCT: &str = "\
query ReadProduct($id: String) {
  products(id: $id) { id name description price priceMoney { minorUnits } }
}";

#[derive(Deserialize)]
pub(super) struct CreatedAccount {
    #[serde(rename = "createAccount")]
    pub(super) account: Option<AccountHead>,
}

#[derive(Deserialize)]
pub(super) struct CreatedProduct {
    #[serde(rename = "createProduct")]
    pub(super) product: Option<ProductAnswer>,
}

#[derive(Deserialize)]
pub(super) struct CreatedOrder {
    #[serde(rename = "createOrder")]
    pub(super) order: Option<OrderHead>,
}

#[derive(Deserialize)]
pub(super) struct AccountsPage {
    pub(super) accounts: Vec<AccountAnswer>,
}

#[derive(Deserialize)]
pub(super) struct ProductsAnswer {
    pub(super) products: Vec<ProductAnswer>,
}

#[derive(Deserialize)]
pub(super) struct AccountHead {
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct AccountAnswer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) orders: Vec<OrderAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProductAnswer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) price: NumberText,
    pub(super) price_money: MinorUnits,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderHead {
    pub(super) id: String,
    pub(super) total_price: NumberText,
    pub(super) total_money: Money,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OrderAnswer {
    pub(super) id: String,
    pub(super) total_price: NumberText,
    pub(super) total_money: Money,
    pub(super) products: Vec<LineAnswer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LineAnswer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) price: NumberText,
    pub(super) quantity: i64,
    pub(super) price_money: MinorUnits,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Money {
    pub(super) amount: String,
    pub(super) minor_units: NumberText,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MinorUnits {
    pub(super) minor_units: NumberText,
}

/// A JSON number exactly as it was written.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct NumberText(Box<RawValue>);

impl NumberText {
    pub(super) fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The number as an amount: `14.66`, `20.0`.
    pub(super) fn amount(&self) -> Option<Cents> {
        Cents::from_json_number(self.as_str())
    }

    /// The number as minor units: `1466`.
    pub(super) fn minor_units(&self) -> Option<Cents> {
        self.as_str().parse().ok().map(Cents::new)
    }
}

/// One account as it was read back.
#[derive(Debug)]
pub(super) struct AccountRead {
    pub(super) id: String,
    pub(super) name: String,
    /// Over all pages, in the node's sequence; repeated when the node repeats them.
    pub(super) orders: Vec<OrderAnswer>,
}
