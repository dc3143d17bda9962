//! Faults in the journal: numbers, routing, contents, ids.

use crate::workspace::{Ground, id};

/// The shard with most events, and its last position.
const BUSIEST: &str =
    "(SELECT shard FROM journal GROUP BY shard ORDER BY count(*) DESC, shard LIMIT 1)";

fn last_of_busiest() -> String {
    format!(
        "shard = {BUSIEST} AND position = (SELECT max(position) FROM journal WHERE shard = {BUSIEST})"
    )
}

/// Shard, position, id and version of the event that `condition` finds.
fn event(condition: &str) -> String {
    format!(
        "'shard', shard, 'position', position, 'version', version, 'id', {} OF journal WHERE {condition}",
        id("entity_id")
    )
}

#[tokio::test]
async fn what_a_node_made_is_clean() {
    let mut ground = Ground::new().await;
    ground.require(&[]).await;
    let report = ground.report(&[]).await;
    assert_eq!(report["checked"]["events"], 16, "{report}");
    assert_eq!(report["checked"]["shards"], 4, "{report}");
}

#[tokio::test]
async fn i2_a_gap_in_positions() {
    let mut ground = Ground::new().await;
    let place = format!(
        "'shard', shard, 'position', position OF journal WHERE {}",
        last_of_busiest()
    );
    let expected = ground.at("position-gap", &place).await;
    let moved = format!(
        "UPDATE journal SET position = position + 1 WHERE {}",
        last_of_busiest()
    );
    ground.plant(&[&moved]).await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i2_a_gap_in_versions() {
    let mut ground = Ground::new().await;
    let place = format!(
        "'id', {}, 'entity', 'account', 'version', 3 OF account WHERE version = 3",
        id("id")
    );
    let expected = ground.at("version-gap", &place).await;
    ground
        .plant(&[
            "UPDATE journal SET version = 4 WHERE version = 3 AND event_type = 'account.renamed'",
            "UPDATE account SET version = 4 WHERE version = 3",
        ])
        .await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i2_an_event_that_is_gone() {
    let mut ground = Ground::new().await;
    let condition = "version = 2 AND event_type = 'account.renamed'";
    let version = format!(
        "'version', 2, 'id', {} OF journal WHERE {condition}",
        id("entity_id")
    );
    let position = format!("'shard', shard, 'position', position OF journal WHERE {condition}");
    let expected = [
        ground.at("version-gap", &version).await,
        ground.at("position-gap", &position).await,
    ];
    // Not the last of its shard: that one leaves no gap in the positions.
    let gone = format!("DELETE FROM journal WHERE {condition}");
    ground.plant(&[&gone]).await;
    ground.require(&expected).await;
}

#[tokio::test]
async fn i2_a_repeated_position_needs_its_index_gone_and_both_are_told() {
    let mut ground = Ground::new().await;
    let place = format!(
        "'shard', shard, 'position', position - 1 OF journal WHERE {}",
        last_of_busiest()
    );
    let expected = [
        ground.at("position-repeated", &place).await,
        ground
            .at("schema-differs", "'part', 'index journal_position'")
            .await,
    ];
    let moved = format!(
        "UPDATE journal SET position = position - 1 WHERE {}",
        last_of_busiest()
    );
    ground.plant(&["DROP INDEX journal_position", &moved]).await;
    ground.require(&expected).await;
}

#[tokio::test]
async fn i2_a_repeated_version_needs_its_index_gone_and_both_are_told() {
    let mut ground = Ground::new().await;
    let place = format!(
        "'version', 2, 'id', {}, 'shard', shard, 'position',
            (SELECT max(position) + 1 FROM journal AS j WHERE j.shard = journal.shard)
         OF journal WHERE version = 2 AND event_type = 'account.renamed'",
        id("entity_id")
    );
    let place = place.replace("\n         OF", " OF");
    let expected = [
        ground.at("version-repeated", &place).await,
        ground
            .at("schema-differs", "'part', 'index journal_version'")
            .await,
    ];
    ground
        .plant(&[
            "DROP INDEX journal_version",
            "INSERT INTO journal SELECT shard,
                (SELECT max(position) + 1 FROM journal AS j WHERE j.shard = journal.shard),
                entity_id, version, randomblob(16), event_type, payload, randomblob(16), NULL
             FROM journal WHERE version = 2 AND event_type = 'account.renamed'",
        ])
        .await;
    ground.require(&expected).await;
}

#[tokio::test]
async fn an_event_in_another_shard() {
    let mut ground = Ground::new().await;
    let other = format!("(({BUSIEST} + 1) % 4)");
    let position =
        format!("(SELECT coalesce(max(position), 0) + 1 FROM journal WHERE shard = {other})");
    let place = format!(
        "'shard', {other}, 'position', {position}, 'version', version, 'id', {} OF journal WHERE {}",
        id("entity_id"),
        last_of_busiest()
    );
    let expected = ground.at("shard-wrong", &place).await;
    let moved = format!(
        "UPDATE journal SET shard = {other}, position = {position} WHERE {}",
        last_of_busiest()
    );
    ground.plant(&[&moved]).await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i5_an_edited_payload() {
    let mut ground = Ground::new().await;
    let place = format!(
        "'field', 'price_minor', 'version', 3, 'id', {} OF product WHERE name = 'Lamp'",
        id("id")
    );
    let expected = ground.at("state-differs", &place).await;
    ground
        .plant(&[
            "UPDATE journal SET payload = json_set(payload, '$.price.minor', 1)
            WHERE event_type = 'product.repriced'",
        ])
        .await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i5_an_edited_type_that_reads_as_another() {
    let mut ground = Ground::new().await;
    let mut expected = Vec::new();
    for field in ["status", "cancel_reason"] {
        let place = format!(
            "'field', '{field}', 'id', {} OF customer_order WHERE status = 'cancelled'",
            id("id")
        );
        expected.push(ground.at("state-differs", &place).await);
    }
    ground
        .plant(&["UPDATE journal SET event_type = 'order.confirmed'
            WHERE event_type = 'order.cancelled'"])
        .await;
    ground.require(&expected).await;
}

#[tokio::test]
async fn i5_events_that_cannot_be_read() {
    for planted in [
        "event_type = 'account.vanished'",
        "event_type = 'account'",
        "payload = substr(payload, 2)",
        "payload = ''",
        "payload = json_remove(payload, '$.at')",
        "payload = CAST(x'7BFF7D' AS TEXT)",
    ] {
        let mut ground = Ground::new().await;
        // The last of its entity: what it would have led to cannot be told from the state row.
        let condition = "version = 3 AND event_type = 'account.renamed'";
        let expected = ground.at("event-unreadable", &event(condition)).await;
        ground
            .plant(&[&format!("UPDATE journal SET {planted} WHERE {condition}")])
            .await;
        ground.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_an_event_that_cannot_follow() {
    let mut ground = Ground::new().await;
    let completed = event("event_type = 'order.completed'");
    let expected = ground.at("event-impossible", &completed).await;
    ground
        .plant(&["UPDATE journal SET event_type = 'order.cancelled' WHERE event_type = 'order.confirmed'"])
        .await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i5_an_event_of_somebody_else() {
    let mut ground = Ground::new().await;
    let condition = "version = 2 AND event_type = 'account.renamed'";
    let expected = ground.at("event-foreign", &event(condition)).await;
    let bob = ground
        .ask(&format!(
            "SELECT {} FROM account WHERE name = 'Bob'",
            id("id")
        ))
        .await;
    let planted = format!(
        "UPDATE journal SET payload = json_set(payload, '$.account_id', '{bob}') WHERE {condition}"
    );
    ground.plant(&[&planted]).await;
    ground.require(&[expected]).await;

    let mut ground = Ground::new().await;
    let condition = "event_type = 'product.withdrawn'";
    let expected = ground.at("event-foreign", &event(condition)).await;
    let planted = format!(
        "UPDATE journal SET event_type = 'account.closed',
            payload = json_set(payload, '$.account_id', payload ->> '$.product_id') WHERE {condition}"
    );
    ground.plant(&[&planted]).await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i1_an_event_id_that_another_event_has() {
    let mut ground = Ground::new().await;
    let ids = "(SELECT event_id FROM journal WHERE event_type = 'order.completed')";
    // Rows of one id come by entity: either of the two is the one that is told.
    ground
        .plant(&[&format!(
            "UPDATE journal SET event_id = {ids} WHERE event_type = 'product.repriced'"
        )])
        .await;
    let place = event(&format!("event_id = {ids} ORDER BY entity_id DESC LIMIT 1"));
    let expected = ground.at("event-repeated", &place).await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i8_a_command_with_a_second_effect() {
    let mut ground = Ground::new().await;
    let repriced = "event_type = 'product.repriced'";
    let expected = ground.at("command-repeated", &event(repriced)).await;
    ground
        .plant(&["UPDATE journal SET command_id =
                (SELECT command_id FROM journal WHERE event_type = 'product.updated')
            WHERE event_type = 'product.repriced'"])
        .await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i8_a_creation_by_another_command() {
    let mut ground = Ground::new().await;
    let condition = "event_type = 'account.created' AND payload LIKE '%Ada%'";
    let expected = ground.at("command-differs", &event(condition)).await;
    let planted = format!("UPDATE journal SET command_id = randomblob(16) WHERE {condition}");
    ground.plant(&[&planted]).await;
    ground.require(&[expected]).await;
}

#[tokio::test]
async fn i3_shards_without_row_or_claim() {
    let mut ground = Ground::new().await;
    let place = format!("'shard', {BUSIEST}");
    let missing = ground.at("shard-missing", &place).await;
    ground
        .plant(&[&format!("DELETE FROM shard WHERE shard = {BUSIEST}")])
        .await;
    ground.require(&[missing]).await;

    let mut ground = Ground::new().await;
    let unclaimed = ground.at("shard-unclaimed", &place).await;
    let unknown = ground.at("shard-unknown", "'shard', 9").await;
    ground
        .plant(&[
            &format!("UPDATE shard SET epoch = 0, owner = NULL WHERE shard = {BUSIEST}"),
            "INSERT INTO shard (shard, epoch) VALUES (9, 0)",
        ])
        .await;
    ground.require(&[unclaimed, unknown]).await;

    let mut ground = Ground::new().await;
    let unreadable = ground
        .at("shard-count-unreadable", "'part', 'table meta'")
        .await;
    ground
        .plant(&["UPDATE meta SET value = 'four' WHERE name = 'shards'"])
        .await;
    ground.require(&[unreadable]).await;
}
