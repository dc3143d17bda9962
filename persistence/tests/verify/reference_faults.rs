//! External references that two entities share.

use crate::workspace::{Workspace, id};

/// Two holders in rows and journal alike: without its index, nothing else tells.
#[tokio::test]
async fn shared_external_reference_is_reported() {
    for (table, index, first, second, creation) in [
        (
            "account",
            "account_by_reference",
            "name = 'Bob'",
            "name = 'Cy'",
            "account.created",
        ),
        (
            "customer_order",
            "customer_order_by_reference",
            "external_reference = 'web-1'",
            "status = 'completed'",
            "order.created",
        ),
    ] {
        let mut workspace = Workspace::new().await;
        let ids =
            [first, second].map(|condition| format!("SELECT id FROM {table} WHERE {condition}"));
        let reference = workspace
            .query(&format!(
                "SELECT external_reference FROM {table} WHERE {first}"
            ))
            .await;
        // Reported at the higher id.
        let location = format!(
            "'field', 'external_reference', 'id', {} OF {table}",
            id("id")
        );
        let last = format!("{location} WHERE id = max(({}), ({}))", ids[0], ids[1]);
        let expected = [
            workspace.at("reference-repeated", &last).await,
            workspace
                .at("schema-differs", &format!("'part', 'index {index}'"))
                .await,
        ];
        let state = format!("UPDATE {table} SET external_reference = '{reference}' WHERE {second}");
        let event = format!(
            "UPDATE journal SET payload = json_set(payload, '$.external_reference', '{reference}')
             WHERE entity_id = ({}) AND event_type IN ('{creation}', 'account.annotated')",
            ids[1]
        );
        workspace
            .plant(&[&format!("DROP INDEX {index}"), &event, &state])
            .await;
        workspace.require(&expected).await;
    }
}

/// Its index and the check agree on what is free.
#[tokio::test]
async fn reference_of_a_withdrawn_product_is_free() {
    let mut workspace = Workspace::new().await;
    let of_lamp = "(SELECT id FROM product WHERE name = 'Lamp')";
    workspace
        .plant(&[
            "UPDATE product SET external_reference = 'sku-1' WHERE name = 'Lamp'",
            &format!(
                "UPDATE journal SET payload = json_set(payload, '$.external_reference', 'sku-1')
                 WHERE entity_id = {of_lamp} AND event_type = 'product.created'"
            ),
        ])
        .await;
    workspace.require(&[]).await;
}
