//! The documents that a replay sends and the responses that it reads. Amounts keep the text of
//! their JSON numbers.

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
    pub(super) product: Option<ProductResponse>,
}

#[derive(Deserialize)]
pub(super) struct CreatedOrder {
    #[serde(rename = "createOrder")]
    pub(super) order: Option<OrderHead>,
}

#[derive(Deserialize)]
pub(super) struct AccountsPage {
    pub(super) accounts: Vec<AccountResponse>,
}

#[derive(Deserialize)]
pub(super) struct ProductsResponse {
    pub(super) products: Vec<ProductResponse>,
}

#[derive(Deserialize)]
pub(super) struct AccountHead {
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct AccountResponse {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) orders: Vec<OrderResponse>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProductResponse {
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
pub(super) struct OrderResponse {
    pub(super) id: String,
    pub(super) total_price: NumberText,
    pub(super) total_money: Money,
    pub(super) products: Vec<LineResponse>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LineResponse {
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

/// The unchanged text of a JSON number.
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

#[derive(Debug)]
pub(super) struct AccountRead {
    pub(super) id: String,
    pub(super) name: String,
    /// The orders of all pages, in the node's order, with repetitions.
    pub(super) orders: Vec<OrderResponse>,
}
