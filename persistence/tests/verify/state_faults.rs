//! Faults in the state rows, and faults that the rows and the journal share.

use crate::workspace::{Workspace, id};

/// The order that was only created, without a key.
const CREATED: &str = "status = 'created' AND creation_key IS NULL";

/// Location of a field of the row that `condition` finds.
fn field(field: &str, table: &str, condition: &str) -> String {
    format!(
        "'field', '{field}', 'id', {} OF {table} WHERE {condition}",
        id("id")
    )
}

/// Location of the row that `condition` finds.
fn row(table: &str, condition: &str) -> String {
    format!("'id', {} OF {table} WHERE {condition}", id("id"))
}

#[tokio::test]
async fn i5_edited_column_is_reported() {
    for (table, condition, column, value) in [
        ("account", "name = 'Bob'", "name", "'Bobby'"),
        ("account", "name = 'Bob'", "closed", "1"),
        ("account", "name = 'Bob'", "created_at", "created_at + 1"),
        // Not found by a check that folds only up to the row's version.
        ("account", "version = 3", "version", "2"),
        ("account", "name = 'Bob'", "external_reference", "'crm-9'"),
        ("account", "name = 'Bob'", "external_reference", "NULL"),
        ("account", "name = 'Bob'", "metadata", "NULL"),
        ("account", "name = 'Ada Lovelace'", "metadata", "'{}'"),
        (
            "account",
            "name = 'Cy'",
            "metadata",
            r#"'{"tier":"silver"}'"#,
        ),
        ("product", "name = 'Bulb'", "external_reference", "'sku-2'"),
        ("product", "name = 'Bulb'", "metadata", "'no JSON'"),
        (
            "customer_order",
            "external_reference = 'web-1'",
            "metadata",
            r#"'{"a":"1"}'"#,
        ),
        (
            "customer_order",
            "status = 'completed'",
            "external_reference",
            "'web-2'",
        ),
        ("product", "name = 'Lamp'", "version", "4"),
        ("product", "name = 'Lamp'", "name", "'lamp'"),
        ("product", "name = 'Lamp'", "description", "'new '"),
        ("product", "name = 'Lamp'", "price_minor", "1466"),
        ("product", "name = 'Lamp'", "currency", "'EUR'"),
        ("product", "name = 'Bulb'", "withdrawn", "0"),
        ("product", "name = 'Bulb'", "created_at", "0"),
        ("customer_order", "status = 'completed'", "version", "2"),
        (
            "customer_order",
            "status = 'completed'",
            "status",
            "'confirmed'",
        ),
        (
            "customer_order",
            "status = 'completed'",
            "total_minor",
            "total_minor - 1",
        ),
        (
            "customer_order",
            "status = 'completed'",
            "currency",
            "'EUR'",
        ),
        (
            "customer_order",
            "status = 'completed'",
            "cancel_reason",
            "''",
        ),
        (
            "customer_order",
            "status = 'cancelled'",
            "cancel_reason",
            "NULL",
        ),
        ("customer_order", "status = 'cancelled'", "created_at", "1"),
        ("customer_order", "status = 'cancelled'", "lines", "'[]'"),
        (
            "customer_order",
            "status = 'cancelled'",
            "lines",
            "'no list'",
        ),
        (
            "customer_order",
            "status = 'cancelled'",
            "account_id",
            "(SELECT id FROM account WHERE name = 'Bob')",
        ),
    ] {
        let mut workspace = Workspace::new().await;
        let location = field(column, table, condition);
        let expected = workspace.at("state-differs", &location).await;
        let planted = format!("UPDATE {table} SET {column} = {value} WHERE {condition}");
        workspace.plant(&[&planted]).await;
        workspace.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_edited_order_line_is_reported() {
    for (path, line) in [
        ("$[0].unit_price_minor", 0),
        ("$[1].quantity", 1),
        ("$[1].product_version", 1),
    ] {
        let mut workspace = Workspace::new().await;
        let location = field(&format!("lines[{line}]"), "customer_order", CREATED);
        let expected = workspace.at("state-differs", &location).await;
        let planted = format!(
            "UPDATE customer_order SET lines = json_set(lines, '{path}', 77) WHERE {CREATED}"
        );
        workspace.plant(&[&planted]).await;
        workspace.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_missing_state_row_is_reported() {
    for (table, condition) in [
        ("account", "version = 3"),
        ("product", "name = 'Bulb'"),
        ("customer_order", CREATED),
    ] {
        let mut workspace = Workspace::new().await;
        let expected = workspace.at("state-missing", &row(table, condition)).await;
        workspace
            .plant(&[&format!("DELETE FROM {table} WHERE {condition}")])
            .await;
        workspace.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_state_row_without_events_is_reported() {
    // The first id, one in the middle, the last, none at all, and the id of a product.
    for id_bytes in [
        "zeroblob(16)",
        "randomblob(16)",
        "x'ffffffffffffffffffffffffffffffff'",
        "x''",
        "(SELECT id FROM product LIMIT 1)",
    ] {
        let mut workspace = Workspace::new().await;
        let planted = format!(
            "INSERT INTO account (id, version, created_at, name) VALUES ({id_bytes}, 1, 0, 'planted')"
        );
        workspace.plant(&[&planted]).await;
        let location = if id_bytes == "x''" {
            "'id', 'x'''' (0 bytes)', 'entity', 'account'".into()
        } else {
            format!(
                "'entity', 'account', {}",
                row("account", "name = 'planted'")
            )
        };
        let expected = workspace.at("state-without-events", &location).await;
        workspace.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i4_total_wrong_in_event_and_row_is_reported() {
    // The sum of the second exceeds 64 bits.
    for planted in [
        &["$.total.minor"][..],
        &["$.lines[0].unit_price_minor", "$.lines[0].quantity"],
    ] {
        let mut workspace = Workspace::new().await;
        let location = format!("'version', 1, {}", row("customer_order", CREATED));
        let expected = workspace.at("total-wrong", &location).await;
        let order = format!("(SELECT id FROM customer_order WHERE {CREATED})");
        for path in planted {
            let value = match *path {
                "$.total.minor" => "77",
                "$.lines[0].quantity" => "1000000",
                _ => "9223372036854775807",
            };
            let event = format!(
                "UPDATE journal SET payload = json_set(payload, '{path}', {value}) WHERE entity_id = {order}"
            );
            workspace.plant(&[&event]).await;
        }
        let state = format!(
            "UPDATE customer_order SET
                total_minor = (SELECT payload ->> '$.total.minor' FROM journal WHERE entity_id = {order}),
                lines = (SELECT payload -> '$.lines' FROM journal WHERE entity_id = {order})
             WHERE id = {order}"
        );
        let listed = format!(
            "UPDATE order_total SET total_minor =
                (SELECT payload ->> '$.total.minor' FROM journal WHERE entity_id = {order})
             WHERE order_id = {order}"
        );
        workspace.plant(&[&state, &listed]).await;
        workspace.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i4_different_total_at_completion_is_reported() {
    let mut workspace = Workspace::new().await;
    let location = format!(
        "'version', 3, {}",
        row("customer_order", "status = 'completed'")
    );
    let expected = workspace.at("total-wrong", &location).await;
    workspace
        .plant(&[
            "UPDATE journal SET payload = json_set(payload, '$.total.minor', 1)
            WHERE event_type = 'order.completed'",
        ])
        .await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i8_edited_creation_key_is_reported() {
    for (condition, value) in [
        ("status = 'completed'", "randomblob(16)"),
        ("status = 'completed'", "NULL"),
        (CREATED, "randomblob(16)"),
    ] {
        let mut workspace = Workspace::new().await;
        let location = field("creation_key", "customer_order", condition);
        let expected = workspace.at("key-differs", &location).await;
        let planted = format!("UPDATE customer_order SET creation_key = {value} WHERE {condition}");
        workspace.plant(&[&planted]).await;
        workspace.require(&[expected]).await;
    }
}

/// Returns the id of an unknown account in `slot`, or in the slot of Bob's if empty: as bytes and
/// as text.
async fn unknown_account(workspace: &mut Workspace, slot: &str) -> (String, String) {
    let bob = "SELECT hex(substr(id, 15, 2)) FROM account WHERE name = 'Bob'";
    let own = workspace.query(bob).await;
    let slot = if slot.is_empty() {
        own
    } else {
        slot.to_owned()
    };
    let hex = format!("{}{slot}", "00000000000070008000000000AB");
    let text = workspace
        .query(&format!("SELECT {}", id(&format!("x'{hex}'"))))
        .await;
    (format!("x'{hex}'"), text)
}

#[tokio::test]
async fn order_of_an_unknown_account_is_reported() {
    let mut workspace = Workspace::new().await;
    let expected = workspace
        .at("account-missing", &row("customer_order", CREATED))
        .await;
    let (bytes, text) = unknown_account(&mut workspace, "").await;
    plant_account(&mut workspace, &bytes, &text).await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn order_in_another_slot_than_its_account_is_reported() {
    let mut workspace = Workspace::new().await;
    let location = row("customer_order", CREATED);
    let expected = [
        workspace.at("account-missing", &location).await,
        workspace.at("slot-differs", &location).await,
    ];
    let (bytes, text) = unknown_account(&mut workspace, "0000").await;
    plant_account(&mut workspace, &bytes, &text).await;
    workspace.require(&expected).await;
}

async fn plant_account(workspace: &mut Workspace, bytes: &str, text: &str) {
    let event = format!(
        "UPDATE journal SET payload = json_set(payload, '$.account_id', '{text}')
         WHERE entity_id = (SELECT id FROM customer_order WHERE {CREATED})"
    );
    let state = format!("UPDATE customer_order SET account_id = {bytes} WHERE {CREATED}");
    workspace.plant(&[&event, &state]).await;
}

#[tokio::test]
async fn every_fault_is_counted_beyond_the_display_limit() {
    let mut workspace = Workspace::new().await;
    let expected = [
        workspace
            .at("state-differs", &field("name", "account", "name = 'Bob'"))
            .await,
        workspace
            .at("state-missing", &row("product", "name = 'Bulb'"))
            .await,
        workspace
            .at(
                "key-differs",
                &field("creation_key", "customer_order", "status = 'completed'"),
            )
            .await,
        workspace
            .at("state-differs", &field("status", "customer_order", CREATED))
            .await,
        workspace
            .at("event-unreadable", "'version', 2, 'entity', 'account'")
            .await,
        workspace
            .at("schema-differs", "'part', 'index product_by_age'")
            .await,
    ];
    workspace
        .plant(&[
            "UPDATE customer_order SET creation_key = NULL WHERE status = 'completed'",
            &format!("UPDATE customer_order SET status = 'lost' WHERE {CREATED}"),
            "UPDATE account SET name = 'Bobby' WHERE name = 'Bob'",
            "DROP INDEX product_by_age",
            "DELETE FROM product WHERE name = 'Bulb'",
            "UPDATE journal SET payload = '{' WHERE version = 2 AND event_type = 'account.renamed'",
        ])
        .await;
    workspace.require(&expected).await;

    let report = workspace.report(&["--violations-max", "2"]).await;
    assert_eq!(report["violations"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&report["violations_total"], &report["truncated"]),
        (&6.into(), &4.into())
    );
    assert_eq!(report["violations_by_kind"]["state-differs"], 2, "{report}");

    let output = workspace.verify(&["--violations-max", "2"]).await;
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "two violations and the total: {text}");
    assert!(
        lines[2].contains("6 violations, of which 2 are shown"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
}
