//! Databases that cannot be verified: exit code 2, and one line with the reason and a remedy.

use crate::workspace::Workspace;

async fn require_unverifiable(workspace: &mut Workspace, named: &[&str]) {
    let output = workspace.verify(&[]).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let message = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(message.lines().count(), 1, "{message}");
    for name in named {
        assert!(message.contains(name), "names {name:?}: {message}");
    }
}

#[tokio::test]
async fn schema_of_another_version_cannot_be_verified() {
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
            "DELETE FROM _sqlx_migrations WHERE version >= 3",
            ["older version", "step 3", "start a node of this version"],
        ),
        (
            "DROP TABLE _sqlx_migrations",
            ["not a database of fritzy", "migrations", "--data-dir"],
        ),
    ] {
        let mut workspace = Workspace::new().await;
        workspace.plant(&[planted]).await;
        require_unverifiable(&mut workspace, &named).await;
    }
}

#[tokio::test]
async fn exclusively_locked_file_cannot_be_verified() {
    let mut workspace = Workspace::new().await;
    // Takes the lock that excludes readers as well, which no node does.
    workspace
        .plant(&[
            "PRAGMA locking_mode = EXCLUSIVE",
            "UPDATE meta SET value = value",
        ])
        .await;
    require_unverifiable(
        &mut workspace,
        &["locked by another process", "End that process"],
    )
    .await;
}

#[tokio::test]
async fn missing_table_is_a_violation() {
    let mut workspace = Workspace::new().await;
    let expected = [
        workspace
            .at("schema-differs", "'part', 'table product'")
            .await,
        workspace
            .at("schema-differs", "'part', 'index product_by_age'")
            .await,
        workspace
            .at("schema-differs", "'part', 'index product_by_reference'")
            .await,
    ];
    workspace.plant(&["DROP TABLE product"]).await;
    workspace.require(&expected).await;
}
