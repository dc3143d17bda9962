//! Faults in the rows of orders by product, which the database itself writes.

use crate::workspace::{Workspace, id};

/// The order that was only created, without a key.
const CREATED: &str =
    "(SELECT id FROM customer_order WHERE status = 'created' AND creation_key IS NULL)";
const LAMP: &str = "(SELECT id FROM product WHERE name = 'Lamp')";

/// Location of the order with this id.
fn order(of: &str) -> String {
    format!("'entity', 'order', 'id', {}", id(of))
}

#[tokio::test]
async fn i5_missing_row_by_product_is_reported() {
    let mut workspace = Workspace::new().await;
    let expected = workspace.at("line-missing", &order(CREATED)).await;
    let planted =
        format!("DELETE FROM order_line WHERE order_id = {CREATED} AND product_id = {LAMP}");
    workspace.plant(&[&planted]).await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i5_superfluous_row_by_product_is_reported() {
    // Of an order without this product, of an account, of the first and the last possible order.
    for of in [
        CREATED,
        "(SELECT id FROM account WHERE name = 'Bob')",
        "zeroblob(16)",
        "x'ffffffffffffffffffffffffffffffff'",
    ] {
        let mut workspace = Workspace::new().await;
        let expected = workspace.at("line-superfluous", &order(of)).await;
        let planted = format!(
            "INSERT INTO order_line (product_id, created_at, order_id) VALUES (randomblob(16), 7, {of})"
        );
        workspace.plant(&[&planted]).await;
        workspace.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_row_by_product_at_another_time_is_reported() {
    let mut workspace = Workspace::new().await;
    let expected = [
        workspace.at("line-missing", &order(CREATED)).await,
        workspace.at("line-superfluous", &order(CREATED)).await,
    ];
    let planted = format!(
        "UPDATE order_line SET created_at = created_at + 1 WHERE order_id = {CREATED} AND product_id = {LAMP}"
    );
    workspace.plant(&[&planted]).await;
    workspace.require(&expected).await;
}

#[tokio::test]
async fn i5_lines_of_an_order_without_state_row_are_kept() {
    let mut workspace = Workspace::new().await;
    // Its lines follow from its events: only the state row is missing.
    let expected = workspace.at("state-missing", &order(CREATED)).await;
    workspace
        .plant(&[&format!("DELETE FROM customer_order WHERE id = {CREATED}")])
        .await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn missing_trigger_of_order_lines_is_reported() {
    for planted in [
        &["DROP TRIGGER add_order_lines"][..],
        &[
            "DROP TRIGGER add_order_lines",
            "CREATE TRIGGER add_order_lines AFTER INSERT ON customer_order BEGIN SELECT 1; END",
        ],
    ] {
        let mut workspace = Workspace::new().await;
        let location = "'part', 'trigger add_order_lines'";
        let expected = workspace.at("schema-differs", location).await;
        workspace.plant(planted).await;
        workspace.require(&[expected]).await;
    }
}
