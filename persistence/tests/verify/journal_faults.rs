//! Faults in the journal: positions, versions, shards, payloads and ids.

use crate::workspace::{Workspace, id};

/// Selects the shard with most events.
const BUSIEST: &str =
    "(SELECT shard FROM journal GROUP BY shard ORDER BY count(*) DESC, shard LIMIT 1)";

fn last_of_busiest() -> String {
    format!(
        "shard = {BUSIEST} AND position = (SELECT max(position) FROM journal WHERE shard = {BUSIEST})"
    )
}

/// Location of the event that `condition` finds.
fn event(condition: &str) -> String {
    format!(
        "'shard', shard, 'position', position, 'version', version, 'id', {} OF journal WHERE {condition}",
        id("entity_id")
    )
}

#[tokio::test]
async fn database_of_a_node_has_no_violations() {
    let mut workspace = Workspace::new().await;
    workspace.require(&[]).await;
    let report = workspace.report(&[]).await;
    assert_eq!(report["checked"]["events"], 20, "{report}");
    assert_eq!(report["checked"]["shards"], 4, "{report}");
}

#[tokio::test]
async fn i2_gap_in_positions_is_reported() {
    let mut workspace = Workspace::new().await;
    let location = format!(
        "'shard', shard, 'position', position OF journal WHERE {}",
        last_of_busiest()
    );
    let expected = workspace.at("position-gap", &location).await;
    let moved = format!(
        "UPDATE journal SET position = position + 1 WHERE {}",
        last_of_busiest()
    );
    workspace.plant(&[&moved]).await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i2_gap_in_versions_is_reported() {
    let mut workspace = Workspace::new().await;
    let location = format!(
        "'id', {}, 'entity', 'account', 'version', 3 OF account WHERE version = 3",
        id("id")
    );
    let expected = workspace.at("version-gap", &location).await;
    workspace
        .plant(&[
            "UPDATE journal SET version = 4 WHERE version = 3 AND event_type = 'account.renamed'",
            "UPDATE account SET version = 4 WHERE version = 3",
        ])
        .await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i2_missing_event_is_reported() {
    let mut workspace = Workspace::new().await;
    let condition = "version = 2 AND event_type = 'account.renamed'";
    let version = format!(
        "'version', 2, 'id', {} OF journal WHERE {condition}",
        id("entity_id")
    );
    let position = format!("'shard', shard, 'position', position OF journal WHERE {condition}");
    let expected = [
        workspace.at("version-gap", &version).await,
        workspace.at("position-gap", &position).await,
    ];
    // Not the last of its shard: that one leaves no gap in the positions.
    let gone = format!("DELETE FROM journal WHERE {condition}");
    workspace.plant(&[&gone]).await;
    workspace.require(&expected).await;
}

#[tokio::test]
async fn i2_repeated_position_is_reported_with_its_missing_index() {
    let mut workspace = Workspace::new().await;
    let location = format!(
        "'shard', shard, 'position', position - 1 OF journal WHERE {}",
        last_of_busiest()
    );
    let expected = [
        workspace.at("position-repeated", &location).await,
        workspace
            .at("schema-differs", "'part', 'index journal_position'")
            .await,
    ];
    let moved = format!(
        "UPDATE journal SET position = position - 1 WHERE {}",
        last_of_busiest()
    );
    workspace
        .plant(&["DROP INDEX journal_position", &moved])
        .await;
    workspace.require(&expected).await;
}

#[tokio::test]
async fn i2_repeated_version_is_reported_with_its_missing_index() {
    let mut workspace = Workspace::new().await;
    let location = format!(
        "'version', 2, 'id', {}, 'shard', shard, 'position',
            (SELECT max(position) + 1 FROM journal AS j WHERE j.shard = journal.shard)
         OF journal WHERE version = 2 AND event_type = 'account.renamed'",
        id("entity_id")
    );
    let location = location.replace("\n         OF", " OF");
    let expected = [
        workspace.at("version-repeated", &location).await,
        workspace
            .at("schema-differs", "'part', 'index journal_version'")
            .await,
    ];
    workspace
        .plant(&[
            "DROP INDEX journal_version",
            "INSERT INTO journal SELECT shard,
                (SELECT max(position) + 1 FROM journal AS j WHERE j.shard = journal.shard),
                entity_id, version, randomblob(16), event_type, payload, randomblob(16), NULL
             FROM journal WHERE version = 2 AND event_type = 'account.renamed'",
        ])
        .await;
    workspace.require(&expected).await;
}

#[tokio::test]
async fn event_in_the_wrong_shard_is_reported() {
    let mut workspace = Workspace::new().await;
    let other = format!("(({BUSIEST} + 1) % 4)");
    let position =
        format!("(SELECT coalesce(max(position), 0) + 1 FROM journal WHERE shard = {other})");
    let location = format!(
        "'shard', {other}, 'position', {position}, 'version', version, 'id', {} OF journal WHERE {}",
        id("entity_id"),
        last_of_busiest()
    );
    let expected = workspace.at("shard-wrong", &location).await;
    let moved = format!(
        "UPDATE journal SET shard = {other}, position = {position} WHERE {}",
        last_of_busiest()
    );
    workspace.plant(&[&moved]).await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i5_edited_payload_is_reported() {
    let mut workspace = Workspace::new().await;
    let location = format!(
        "'field', 'price_minor', 'version', 3, 'id', {} OF product WHERE name = 'Lamp'",
        id("id")
    );
    let expected = workspace.at("state-differs", &location).await;
    workspace
        .plant(&[
            "UPDATE journal SET payload = json_set(payload, '$.price.minor', 1)
            WHERE event_type = 'product.repriced'",
        ])
        .await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i5_edited_event_type_is_reported() {
    let mut workspace = Workspace::new().await;
    let mut expected = Vec::new();
    for field in ["status", "cancel_reason"] {
        let location = format!(
            "'field', '{field}', 'id', {} OF customer_order WHERE status = 'cancelled'",
            id("id")
        );
        expected.push(workspace.at("state-differs", &location).await);
    }
    workspace
        .plant(&["UPDATE journal SET event_type = 'order.confirmed'
            WHERE event_type = 'order.cancelled'"])
        .await;
    workspace.require(&expected).await;
}

#[tokio::test]
async fn i5_unreadable_event_is_reported() {
    for planted in [
        "event_type = 'account.vanished'",
        "event_type = 'account'",
        "payload = substr(payload, 2)",
        "payload = ''",
        "payload = json_remove(payload, '$.at')",
        "payload = CAST(x'7BFF7D' AS TEXT)",
    ] {
        let mut workspace = Workspace::new().await;
        // The last event of its entity: its effect cannot be derived from the state row.
        let condition = "version = 3 AND event_type = 'account.renamed'";
        let expected = workspace.at("event-unreadable", &event(condition)).await;
        workspace
            .plant(&[&format!("UPDATE journal SET {planted} WHERE {condition}")])
            .await;
        workspace.require(&[expected]).await;
    }
}

#[tokio::test]
async fn i5_impossible_event_is_reported() {
    let mut workspace = Workspace::new().await;
    let completed = event("event_type = 'order.completed'");
    let expected = workspace.at("event-impossible", &completed).await;
    workspace
        .plant(&["UPDATE journal SET event_type = 'order.cancelled' WHERE event_type = 'order.confirmed'"])
        .await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i5_event_of_another_entity_is_reported() {
    let mut workspace = Workspace::new().await;
    let condition = "version = 2 AND event_type = 'account.renamed'";
    let expected = workspace.at("event-foreign", &event(condition)).await;
    let bob = workspace
        .query(&format!(
            "SELECT {} FROM account WHERE name = 'Bob'",
            id("id")
        ))
        .await;
    let planted = format!(
        "UPDATE journal SET payload = json_set(payload, '$.account_id', '{bob}') WHERE {condition}"
    );
    workspace.plant(&[&planted]).await;
    workspace.require(&[expected]).await;

    let mut workspace = Workspace::new().await;
    let condition = "event_type = 'product.withdrawn'";
    let expected = workspace.at("event-foreign", &event(condition)).await;
    let planted = format!(
        "UPDATE journal SET event_type = 'account.closed',
            payload = json_set(payload, '$.account_id', payload ->> '$.product_id') WHERE {condition}"
    );
    workspace.plant(&[&planted]).await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i1_repeated_event_id_is_reported() {
    let mut workspace = Workspace::new().await;
    let ids = "(SELECT event_id FROM journal WHERE event_type = 'order.completed')";
    // Rows with one id are ordered by entity; the second of the two is reported.
    workspace
        .plant(&[&format!(
            "UPDATE journal SET event_id = {ids} WHERE event_type = 'product.repriced'"
        )])
        .await;
    let location = event(&format!("event_id = {ids} ORDER BY entity_id DESC LIMIT 1"));
    let expected = workspace.at("event-repeated", &location).await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i8_repeated_command_is_reported() {
    let mut workspace = Workspace::new().await;
    let repriced = "event_type = 'product.repriced'";
    let expected = workspace.at("command-repeated", &event(repriced)).await;
    workspace
        .plant(&["UPDATE journal SET command_id =
                (SELECT command_id FROM journal WHERE event_type = 'product.updated')
            WHERE event_type = 'product.repriced'"])
        .await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i8_creation_by_another_command_is_reported() {
    let mut workspace = Workspace::new().await;
    let condition = "event_type = 'account.created' AND payload LIKE '%\"Ada\"%'";
    let expected = workspace.at("command-differs", &event(condition)).await;
    let planted = format!("UPDATE journal SET command_id = randomblob(16) WHERE {condition}");
    workspace.plant(&[&planted]).await;
    workspace.require(&[expected]).await;
}

#[tokio::test]
async fn i3_missing_or_unclaimed_shard_is_reported() {
    let mut workspace = Workspace::new().await;
    let location = format!("'shard', {BUSIEST}");
    let missing = workspace.at("shard-missing", &location).await;
    workspace
        .plant(&[&format!("DELETE FROM shard WHERE shard = {BUSIEST}")])
        .await;
    workspace.require(&[missing]).await;

    let mut workspace = Workspace::new().await;
    let unclaimed = workspace.at("shard-unclaimed", &location).await;
    let unknown = workspace.at("shard-unknown", "'shard', 9").await;
    workspace
        .plant(&[
            &format!("UPDATE shard SET epoch = 0, owner = NULL WHERE shard = {BUSIEST}"),
            "INSERT INTO shard (shard, epoch) VALUES (9, 0)",
        ])
        .await;
    workspace.require(&[unclaimed, unknown]).await;

    let mut workspace = Workspace::new().await;
    let unreadable = workspace
        .at("shard-count-unreadable", "'part', 'table meta'")
        .await;
    workspace
        .plant(&["UPDATE meta SET value = 'four' WHERE name = 'shards'"])
        .await;
    workspace.require(&[unreadable]).await;
}
