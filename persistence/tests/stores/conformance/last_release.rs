//! The last release on the schema of this version: it runs there until a migration requires more
//! than it knows.

use std::path::Path;

use fritzy_persistence::{PostgresConfig, migrate_postgres};
use fritzy_testbed::{ExitedProcess, PostgresServer, Workspace, last_release, skip_unless};
use tokio::task::block_in_place;

fn run(released: &Path, arguments: &[&str], url: &str) -> ExitedProcess {
    let workspace = Workspace::new();
    let mut command = workspace.command_of(released, arguments);
    block_in_place(|| workspace.run(command.env("DATABASE_URL", url)))
}

#[tokio::test(flavor = "multi_thread")]
async fn last_release_refuses_only_a_contracted_schema() {
    let config = fritzy_testbed::PostgresConfig::shared_by_tests();
    let server = skip_unless!(PostgresServer::start(config));
    let released = skip_unless!(block_in_place(last_release));
    let url = server.url("postgres");
    let psql = |sql: &str| block_in_place(|| server.psql("postgres", sql)).expect("a statement");
    let steps = migrate_postgres(&PostgresConfig::new(&url))
        .await
        .expect("migrates");
    let accepted = run(&released, &["migrate"], &url);
    assert_eq!(accepted.code, Some(0), "{accepted:?}");

    let newest = steps.last().expect("a new database");
    psql(&format!(
        "UPDATE meta SET value = '{newest}' WHERE name = 'schema_required'"
    ));
    for arguments in [&["migrate"][..], &["--listen", "127.0.0.1:0"]] {
        let refused = run(&released, arguments, &url);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        let names_it = refused
            .stderr
            .contains(&format!("knows step {newest} of its schema"));
        assert!(names_it, "{refused:?}");
    }
    let again = migrate_postgres(&PostgresConfig::new(&url)).await;
    assert_eq!(again.expect("this version knows it"), [0; 0]);
}
