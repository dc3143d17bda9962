//! Faults in the state rows, and in what they and the journal say alike.

use crate::workspace::{Ground, id};

/// The order that was only created, without a key.
const CREATED: &str = "status = 'created' AND creation_key IS NULL";

/// The field of the row of `table` that `condition` finds.
fn field(field: &str, table: &str, condition: &str) -> String {
    format!(
        "'field', '{field}', 'id', {} OF {table} WHERE {condition}",
        id("id")
    )
}

fn row(table: &str, condition: &str) -> String {
    format!("'id', {} OF {table} WHERE {condition}", id("id"))
}

#[tokio::test]
async fn i5_every_edited_column_is_named() {
    for (table, condition, column, value) in [
        ("account", "name = 'Bob'", "name", "'Bobby'"),
        ("account", "name = 'Bob'", "closed", "1"),
        ("account", "name = 'Bob'", "created_at", "created_at + 1"),
        // The cheapest wrong check folds up to the version that the row has.
        ("account", "version = 3", "version", "2"),
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
        let mut ground = Ground::new().await;
        let place = field(column, table, condition);
        let expected = ground.at("state-differs", &place).await;
        let planted = format!("UPDATE {table} SET {column} = {value} WHERE {condition}");
        ground.plant(&[&planted]).await;
        ground.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_an_edited_line_is_named() {
    for (path, line) in [
        ("$[0].unit_price_minor", 0),
        ("$[1].quantity", 1),
        ("$[1].product_version", 1),
    ] {
        let mut ground = Ground::new().await;
        let place = field(&format!("lines[{line}]"), "customer_order", CREATED);
        let expected = ground.at("state-differs", &place).await;
        let planted = format!(
            "UPDATE customer_order SET lines = json_set(lines, '{path}', 77) WHERE {CREATED}"
        );
        ground.plant(&[&planted]).await;
        ground.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_a_missing_state_row() {
    for (table, condition) in [
        ("account", "version = 3"),
        ("product", "name = 'Bulb'"),
        ("customer_order", CREATED),
    ] {
        let mut ground = Ground::new().await;
        let expected = ground.at("state-missing", &row(table, condition)).await;
        ground
            .plant(&[&format!("DELETE FROM {table} WHERE {condition}")])
            .await;
        ground.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_state_rows_without_events() {
    // First, in the middle, last, no id at all, and the id of a product.
    for id_bytes in [
        "zeroblob(16)",
        "randomblob(16)",
        "x'ffffffffffffffffffffffffffffffff'",
        "x''",
        "(SELECT id FROM product LIMIT 1)",
    ] {
        let mut ground = Ground::new().await;
        let planted = format!(
            "INSERT INTO account (id, version, created_at, name) VALUES ({id_bytes}, 1, 0, 'planted')"
        );
        ground.plant(&[&planted]).await;
        let place = if id_bytes == "x''" {
            "'id', 'x'''' (0 bytes)', 'entity', 'account'".into()
        } else {
            format!(
                "'entity', 'account', {}",
                row("account", "name = 'planted'")
            )
        };
        let expected = ground.at("state-without-events", &place).await;
        ground.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i4_a_total_that_is_wrong_in_event_and_row_alike() {
    // The second is beyond what 64 bits hold once it is summed.
    for planted in [
        &["$.total.minor"][..],
        &["$.lines[0].unit_price_minor", "$.lines[0].quantity"],
    ] {
        let mut ground = Ground::new().await;
        let place = format!("'version', 1, {}", row("customer_order", CREATED));
        let expected = ground.at("total-wrong", &place).await;
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
            ground.plant(&[&event]).await;
        }
        let state = format!(
            "UPDATE customer_order SET
                total_minor = (SELECT payload ->> '$.total.minor' FROM journal WHERE entity_id = {order}),
                lines = (SELECT payload -> '$.lines' FROM journal WHERE entity_id = {order})
             WHERE id = {order}"
        );
        ground.plant(&[&state]).await;
        ground.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i4_a_total_that_the_completion_tells_otherwise() {
    let mut ground = Ground::new().await;
    let place = format!(
        "'version', 3, {}",
        row("customer_order", "status = 'completed'")
    );
    let expected = ground.at("total-wrong", &place).await;
    ground
        .plant(&[
            "UPDATE journal SET payload = json_set(payload, '$.total.minor', 1)
            WHERE event_type = 'order.completed'",
        ])
        .await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i8_an_edited_creation_key() {
    for (condition, value) in [
        ("status = 'completed'", "randomblob(16)"),
        ("status = 'completed'", "NULL"),
        (CREATED, "randomblob(16)"),
    ] {
        let mut ground = Ground::new().await;
        let place = field("creation_key", "customer_order", condition);
        let expected = ground.at("key-differs", &place).await;
        let planted = format!("UPDATE customer_order SET creation_key = {value} WHERE {condition}");
        ground.plant(&[&planted]).await;
        ground.require(&[expected]).await;
    }
}

/// The id of an account of the same slot as Bob's, as bytes and as text.
async fn stranger(ground: &mut Ground, slot: &str) -> (String, String) {
    let bob = "SELECT hex(substr(id, 15, 2)) FROM account WHERE name = 'Bob'";
    let own = ground.ask(bob).await;
    let slot = if slot.is_empty() {
        own
    } else {
        slot.to_owned()
    };
    let hex = format!("{}{slot}", "00000000000070008000000000AB");
    let text = ground
        .ask(&format!("SELECT {}", id(&format!("x'{hex}'"))))
        .await;
    (format!("x'{hex}'"), text)
}

#[tokio::test]
async fn an_order_of_an_account_that_is_not_in_the_journal() {
    let mut ground = Ground::new().await;
    let expected = ground
        .at("account-missing", &row("customer_order", CREATED))
        .await;
    let (bytes, text) = stranger(&mut ground, "").await;
    plant_account(&mut ground, &bytes, &text).await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn an_order_whose_slot_is_not_its_accounts() {
    let mut ground = Ground::new().await;
    let place = row("customer_order", CREATED);
    let expected = [
        ground.at("account-missing", &place).await,
        ground.at("slot-differs", &place).await,
    ];
    let (bytes, text) = stranger(&mut ground, "0000").await;
    plant_account(&mut ground, &bytes, &text).await;
    ground.require(&expected).await;
}

async fn plant_account(ground: &mut Ground, bytes: &str, text: &str) {
    let event = format!(
        "UPDATE journal SET payload = json_set(payload, '$.account_id', '{text}')
         WHERE entity_id = (SELECT id FROM customer_order WHERE {CREATED})"
    );
    let state = format!("UPDATE customer_order SET account_id = {bytes} WHERE {CREATED}");
    ground.plant(&[&event, &state]).await;
}

#[tokio::test]
async fn faults_do_not_hide_each_other_and_beyond_the_limit_they_are_counted() {
    let mut ground = Ground::new().await;
    let expected = [
        ground
            .at("state-differs", &field("name", "account", "name = 'Bob'"))
            .await,
        ground
            .at("state-missing", &row("product", "name = 'Bulb'"))
            .await,
        ground
            .at(
                "key-differs",
                &field("creation_key", "customer_order", "status = 'completed'"),
            )
            .await,
        ground
            .at("state-differs", &field("status", "customer_order", CREATED))
            .await,
        ground
            .at("event-unreadable", "'version', 2, 'entity', 'account'")
            .await,
        ground
            .at("schema-differs", "'part', 'index product_by_age'")
            .await,
    ];
    ground
        .plant(&[
            "UPDATE customer_order SET creation_key = NULL WHERE status = 'completed'",
            &format!("UPDATE customer_order SET status = 'lost' WHERE {CREATED}"),
            "UPDATE account SET name = 'Bobby' WHERE name = 'Bob'",
            "DROP INDEX product_by_age",
            "DELETE FROM product WHERE name = 'Bulb'",
            "UPDATE journal SET payload = '{' WHERE version = 2 AND event_type = 'account.renamed'",
        ])
        .await;
    ground.require(&expected).await;

    let report = ground.report(&["--violations-max", "2"]).await;
    assert_eq!(report["violations"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&report["violations_total"], &report["truncated"]),
        (&6.into(), &4.into())
    );
    assert_eq!(report["violations_by_kind"]["state-differs"], 2, "{report}");

    let output = ground.verify(&["--violations-max", "2"]).await;
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "two violations and the sum: {text}");
    assert!(
        lines[2].contains("6 violations, of which 2 are shown"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(1));
}
