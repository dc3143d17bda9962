//! The four examples in the README of the original API, word for word (requirement A4).

use std::time::SystemTime;

use fritzy_testbed_shop::ApiError;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::node::TestNode;

const CREATE_ACCOUNT: &str = r#"# Create Account
mutation {
  createAccount(account: { name: "John Doe" }) {
    id
    name
  }
}
"#;

const CREATE_PRODUCT: &str = r#"# Create Product
mutation {
  createProduct(product: {
    name: "iPhone 15"
    description: "Latest iPhone"
    price: 999.99
  }) {
    id
    name
    price
  }
}
"#;

const CREATE_ORDER: &str = r#"# Create Order
mutation {
  createOrder(order: {
    accountId: "account-id"
    products: [
      { productId: "product-id", quantity: 2 }
    ]
  }) {
    id
    totalPrice
    createdAt
  }
}
"#;

const ACCOUNTS_WITH_ORDERS: &str = r#"# Query Account with Orders
query {
  accounts(pagination: { skip: 0, take: 10 }) {
    id
    name
    orders {
      id
      totalPrice
      products {
        name
        quantity
      }
    }
  }
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn first_example_creates_an_account() {
    let node = TestNode::start().await;
    let created = node.api.run(CREATE_ACCOUNT).await;
    let id = created.text_at("/createAccount/id");
    let body = format!(r#"{{"data":{{"createAccount":{{"id":"{id}","name":"John Doe"}}}}}}"#);
    assert_eq!(created.text, body);
    let listed = node.api.run("{ accounts { id name } }").await;
    let body = format!(r#"{{"data":{{"accounts":[{{"id":"{id}","name":"John Doe"}}]}}}}"#);
    assert_eq!(listed.text, body);
}

#[tokio::test(flavor = "multi_thread")]
async fn second_example_creates_a_product() {
    let node = TestNode::start().await;
    let created = node.api.run(CREATE_PRODUCT).await;
    let id = created.text_at("/createProduct/id");
    let product = format!(r#"{{"id":"{id}","name":"iPhone 15","price":999.99}}"#);
    assert_eq!(
        created.text,
        format!(r#"{{"data":{{"createProduct":{product}}}}}"#)
    );
    let listed = node
        .api
        .run("{ products { id name price description } }")
        .await;
    assert_eq!(listed.data("/products/0/id"), id);
    assert_eq!(listed.data("/products/0/description"), "Latest iPhone");
    assert!(listed.text.contains(r#""price":999.99,"#), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn third_example_with_its_placeholder_ids_is_refused() {
    let node = TestNode::start().await;
    let refused = node.api.run(CREATE_ORDER).await;
    let expected = ApiError::argument("order.accountId", "NOT_AN_ID");
    assert_eq!(refused.api_error(), expected);
    assert!(refused.json()["data"]["createOrder"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn third_and_fourth_example_place_and_list_an_order() {
    let node = TestNode::start().await;
    let account = node.api.run(CREATE_ACCOUNT).await;
    let account = account.text_at("/createAccount/id");
    let product = node.api.run(CREATE_PRODUCT).await;
    let product = product.text_at("/createProduct/id");

    let before = SystemTime::now();
    let document = CREATE_ORDER
        .replace("account-id", &account)
        .replace("product-id", &product);
    let placed = node.api.run(&document).await;
    let after = SystemTime::now();
    assert!(
        placed.text.contains(r#""totalPrice":1999.98,"#),
        "{placed:?}"
    );
    let order = placed.text_at("/createOrder/id");
    let written = placed.text_at("/createOrder/createdAt");
    assert!(written.ends_with('Z'), "{written} is in UTC");
    let moment = OffsetDateTime::parse(&written, &Rfc3339).expect("RFC 3339");
    // The shop keeps microseconds, truncated.
    let before = OffsetDateTime::from(before) - time::Duration::MICROSECOND;
    assert!(before <= moment && moment <= after, "{written}");

    let listed = node.api.run(ACCOUNTS_WITH_ORDERS).await;
    let order = format!(
        r#"{{"id":"{order}","totalPrice":1999.98,"products":[{{"name":"iPhone 15","quantity":2}}]}}"#
    );
    let body = format!(
        r#"{{"data":{{"accounts":[{{"id":"{account}","name":"John Doe","orders":[{order}]}}]}}}}"#
    );
    assert_eq!(listed.text, body);
}
