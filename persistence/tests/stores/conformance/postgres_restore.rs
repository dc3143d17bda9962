//! What `restore_postgres` refuses before it changes anything.

use std::path::Path;

use fritzy_persistence::{PostgresRestore, Replaced, Stores, backup_postgres, restore_postgres};
use fritzy_testbed::{shared_postgres, skip_unless};

use crate::fixture::postgres_config;

/// The name of the database of a URL.
fn database(url: &str) -> &str {
    url.rsplit('/').next().expect("a name")
}

fn into(url: &str, backup: &Path) -> PostgresRestore {
    PostgresRestore {
        url: url.to_owned(),
        backup: backup.to_owned(),
        replace: true,
        while_nodes_run: false,
        allow_unsafe: false,
    }
}

#[tokio::test]
async fn restore_refuses_newer_dumps_and_tables_of_others() {
    let config = skip_unless!(postgres_config());
    let server = shared_postgres().expect("it runs");
    let url = config.url.clone();
    let stores = Stores::open_postgres(config).await.expect("opens");
    stores.close().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (sound, newer) = (folder.path().join("sound"), folder.path().join("newer"));
    backup_postgres(&url, &sound, false).await.expect("made");
    let update = "UPDATE meta SET value = '99' WHERE name = 'schema_required'";
    server.psql_on(database(&url), update).expect("updated");
    backup_postgres(&url, &newer, false).await.expect("made");

    let empty = server.fresh_database().expect("a database");
    let refused = restore_postgres(&into(&empty, &newer)).await;
    let refused = refused.expect_err("too new").to_string();
    assert!(refused.contains("needs a version of fritzy"), "{refused}");
    let restored = restore_postgres(&into(&empty, &sound)).await;
    let restored = restored.expect("restored");
    assert!(
        matches!(restored.replaced, Replaced::Nothing),
        "{restored:?}"
    );

    let foreign = server.fresh_database().expect("a database");
    let create = "CREATE TABLE theirs (id int)";
    server.psql_on(database(&foreign), create).expect("created");
    let refused = restore_postgres(&into(&foreign, &sound)).await;
    let refused = refused.expect_err("not ours").to_string();
    assert!(refused.contains("it holds theirs"), "{refused}");
}
