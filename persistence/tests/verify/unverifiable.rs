//! What cannot be checked: exit code 2, and one line that says why and what to do.

use crate::workspace::Ground;

async fn require_cannot(ground: &mut Ground, named: &[&str]) {
    let output = ground.verify(&[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(said.lines().count(), 1, "{said}");
    for name in named {
        assert!(said.contains(name), "names {name:?}: {said}");
    }
}

#[tokio::test]
async fn the_schema_of_another_version() {
    for (planted, named) in [
        (
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'to come', 1, x'00', 0)",
            ["newer version", "step 9999", "Read it with that version"],
        ),
        (
            "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1",
            ["newer version", "step 1", "Read it with that version"],
        ),
        (
            "DELETE FROM _sqlx_migrations WHERE version = 3",
            ["older version", "step 3", "start a node of this one"],
        ),
        (
            "DROP TABLE _sqlx_migrations",
            ["not a database of fritzy", "migrations", "--data-dir"],
        ),
    ] {
        let mut ground = Ground::new().await;
        ground.plant(&[planted]).await;
        require_cannot(&mut ground, &named).await;
    }
}

#[tokio::test]
async fn a_file_that_somebody_keeps_for_himself() {
    let mut ground = Ground::new().await;
    // Takes the lock that keeps readers out as well, which no node does.
    ground
        .plant(&[
            "PRAGMA locking_mode = EXCLUSIVE",
            "UPDATE meta SET value = value",
        ])
        .await;
    require_cannot(
        &mut ground,
        &["locked by another process", "End that process"],
    )
    .await;
}

#[tokio::test]
async fn a_table_that_is_gone_is_a_violation_and_not_a_failure() {
    let mut ground = Ground::new().await;
    let expected = [
        ground.at("schema-differs", "'part', 'table product'").await,
        ground
            .at("schema-differs", "'part', 'index product_by_age'")
            .await,
    ];
    ground.plant(&["DROP TABLE product"]).await;
    ground.require(&expected).await;
}
