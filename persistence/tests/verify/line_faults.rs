//! Faults in the tables of orders by product and by total, which are filled behind the commits of
//! orders.

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
async fn i5_missing_row_by_total_is_reported() {
    let mut workspace = Workspace::new().await;
    let expected = workspace.at("total-missing", &order(CREATED)).await;
    let planted = format!("DELETE FROM order_total WHERE order_id = {CREATED}");
    workspace.plant(&[&planted]).await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i5_superfluous_row_by_total_is_reported() {
    // Another total, another currency, of an account, of the first and the last possible order.
    for (currency, of) in [
        ("currency", CREATED),
        ("'EUR'", CREATED),
        ("'USD'", "(SELECT id FROM account WHERE name = 'Bob')"),
        ("'USD'", "zeroblob(16)"),
        ("'USD'", "x'ffffffffffffffffffffffffffffffff'"),
    ] {
        let mut workspace = Workspace::new().await;
        let expected = workspace.at("total-superfluous", &order(of)).await;
        let planted = format!(
            "INSERT INTO order_total (currency, total_minor, order_id)
             SELECT {currency}, total_minor + (currency = {currency}), {of} FROM customer_order LIMIT 1"
        );
        workspace.plant(&[&planted]).await;
        workspace.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_row_by_another_total_is_reported() {
    let mut workspace = Workspace::new().await;
    let expected = [
        workspace.at("total-missing", &order(CREATED)).await,
        workspace.at("total-superfluous", &order(CREATED)).await,
    ];
    let planted =
        format!("UPDATE order_total SET total_minor = total_minor + 1 WHERE order_id = {CREATED}");
    workspace.plant(&[&planted]).await;
    workspace.require(&expected).await;
}

#[tokio::test]
async fn orders_behind_the_listed_rows_may_be_missing() {
    let mut workspace = Workspace::new().await;
    let created =
        format!("(SELECT rowid FROM journal WHERE entity_id = {CREATED} AND version = 1)");
    // Of all others, one row is missing.
    let lacking = "(SELECT id FROM customer_order WHERE status = 'completed')";
    let expected = [
        workspace.at("line-missing", &order(lacking)).await,
        workspace.at("total-missing", &order(lacking)).await,
    ];
    workspace
        .plant(&[
            &format!("UPDATE order_listing SET listed_to = {created} - 1"),
            // As after half a chunk.
            &format!("DELETE FROM order_line WHERE order_id = {CREATED} AND product_id = {LAMP}"),
            &format!("DELETE FROM order_total WHERE order_id = {CREATED}"),
        ])
        .await;
    workspace.require(&[]).await;
    workspace
        .plant(&[
            &format!("DELETE FROM order_line WHERE order_id = {lacking} AND product_id = {LAMP}"),
            &format!("DELETE FROM order_total WHERE order_id = {lacking}"),
        ])
        .await;
    workspace.require(&expected).await;
}

#[tokio::test]
async fn i5_superfluous_row_of_an_unlisted_order_is_reported() {
    let mut workspace = Workspace::new().await;
    let expected = [
        workspace.at("line-superfluous", &order(CREATED)).await,
        workspace.at("total-superfluous", &order(CREATED)).await,
    ];
    workspace
        .plant(&[
            "UPDATE order_listing SET listed_to = 0",
            &format!("INSERT INTO order_line VALUES (randomblob(16), 7, {CREATED})"),
            &format!("INSERT INTO order_total VALUES ('USD', 7, {CREATED})"),
        ])
        .await;
    workspace.require(&expected).await;
}

#[tokio::test]
async fn i5_wrong_place_of_listed_orders_is_reported() {
    for planted in [
        "UPDATE order_listing SET listed_to = 1 + (SELECT max(rowid) FROM journal)",
        "UPDATE order_listing SET listed_to = -1",
        "DELETE FROM order_listing",
    ] {
        let mut workspace = Workspace::new().await;
        let location = "'part', 'the place up to which orders are listed'";
        let expected = workspace.at("listed-to-wrong", location).await;
        workspace.plant(&[planted]).await;
        workspace.require(&[expected]).await;
    }
}

#[tokio::test]
async fn added_trigger_on_orders_is_reported() {
    let mut workspace = Workspace::new().await;
    let expected = workspace
        .at("schema-differs", "'part', 'trigger add_order_lines'")
        .await;
    workspace
        .plant(&[
            "CREATE TRIGGER add_order_lines AFTER INSERT ON customer_order BEGIN SELECT 1; END",
        ])
        .await;
    workspace.require(&[expected]).await;
}
