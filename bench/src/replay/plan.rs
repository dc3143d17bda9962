//! The variables of the request for each entry, with an idempotency key derived from its ref.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::difference::Kind;
use super::orders::{Order, Product};

/// `replay:order:o000003`. The same file and prefix always give the same keys.
pub(super) fn idempotency_key(prefix: &str, kind: Kind, reference: &str) -> String {
    format!("{prefix}:{kind}:{reference}")
}

pub(super) fn create_account(prefix: &str, reference: &str) -> Box<RawValue> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Variables<'a> {
        account: Input<'a>,
        idempotency_key: String,
    }
    #[derive(Serialize)]
    struct Input<'a> {
        name: &'a str,
    }
    json(&Variables {
        account: Input { name: reference },
        idempotency_key: idempotency_key(prefix, Kind::Account, reference),
    })
}

pub(super) fn create_product(prefix: &str, product: &Product) -> Box<RawValue> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Variables<'a> {
        product: Input<'a>,
        idempotency_key: String,
    }
    #[derive(Serialize)]
    struct Input<'a> {
        name: &'a str,
        description: &'a str,
        price: Box<RawValue>,
    }
    json(&Variables {
        product: Input {
            name: &product.name,
            description: &product.reference,
            price: RawValue::from_string(product.price_text.clone())
                .expect("the text of a parsed price is a JSON number"),
        },
        idempotency_key: idempotency_key(prefix, Kind::Product, &product.reference),
    })
}

/// `product_ids` are in the order of the book's products.
pub(super) fn create_order(
    prefix: &str,
    order: &Order,
    account_id: &str,
    product_ids: &[String],
) -> Box<RawValue> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Variables<'a> {
        order: Input<'a>,
        idempotency_key: String,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Input<'a> {
        account_id: &'a str,
        products: Vec<InputLine<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct InputLine<'a> {
        product_id: &'a str,
        quantity: u32,
    }
    let lines = order.lines.iter().map(|line| InputLine {
        product_id: &product_ids[line.product],
        quantity: line.quantity,
    });
    json(&Variables {
        order: Input {
            account_id,
            products: lines.collect(),
        },
        idempotency_key: idempotency_key(prefix, Kind::Order, &order.reference),
    })
}

pub(super) fn read_account(id: &str, skip: usize, take: usize) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Variables<'a> {
        id: &'a str,
        pagination: Pagination,
    }
    #[derive(Serialize)]
    struct Pagination {
        skip: usize,
        take: usize,
    }
    json(&Variables {
        id,
        pagination: Pagination { skip, take },
    })
}

pub(super) fn read_product(id: &str) -> Box<RawValue> {
    #[derive(Serialize)]
    struct Variables<'a> {
        id: &'a str,
    }
    json(&Variables { id })
}

fn json(variables: &impl Serialize) -> Box<RawValue> {
    to_raw_value(variables).expect("strings, integers and lists of them have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::super::orders::Line;
    use super::*;
    use crate::Cents;

    #[test]
    fn price_is_sent_as_the_text_of_the_file() {
        let product = Product {
            reference: "cd-002000".to_owned(),
            name: "CD at \"20\"".to_owned(),
            price: Cents::new(2000),
            price_text: "20.00".to_owned(),
        };
        assert_eq!(
            create_product("replay", &product).get(),
            r#"{"product":{"name":"CD at \"20\"","description":"cd-002000","price":20.00},"idempotencyKey":"replay:product:cd-002000"}"#
        );
    }

    #[test]
    fn order_refers_to_the_created_ids() {
        let order = Order {
            reference: "o1".to_owned(),
            account: 0,
            placed_on: "1997-01-01".to_owned(),
            lines: vec![Line {
                product: 1,
                quantity: 3,
            }],
            total: Cents::ZERO,
        };
        let ids = ["p0".to_owned(), "p1".to_owned()];
        assert_eq!(
            create_order("again", &order, "a9", &ids).get(),
            r#"{"order":{"accountId":"a9","products":[{"productId":"p1","quantity":3}]},"idempotencyKey":"again:order:o1"}"#
        );
        assert_eq!(
            create_account("replay", "c00004").get(),
            r#"{"account":{"name":"c00004"},"idempotencyKey":"replay:account:c00004"}"#
        );
        assert_eq!(
            read_account("a9", 100, 100).get(),
            r#"{"id":"a9","pagination":{"skip":100,"take":100}}"#
        );
    }
}
