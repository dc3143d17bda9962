//! The last release on the schema of this version: it runs there until a migration requires more
//! than it knows.

use std::path::Path;

use fritzy_persistence::{PostgresConfig, migrate_postgres};
use fritzy_testbed::{ExitedProcess, PostgresServer, Workspace, last_release, skip_unless};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tokio::task::block_in_place;

use crate::fixture::postgres_config;

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

async fn read(session: &mut PgConnection) -> Result<(), sqlx::Error> {
    let read = sqlx::query("SELECT * FROM account").fetch_all(session);
    read.await.map(drop)
}

/// A prepared `SELECT *` of a running node fails once its table has another column. Its session is
/// ended, so that the node reads again on a new one.
#[tokio::test(flavor = "multi_thread")]
async fn migration_ends_the_sessions_of_running_readers() {
    let config = skip_unless!(postgres_config());
    migrate_postgres(&config).await.expect("migrates");
    let options: PgConnectOptions = config.url.parse().expect("a URL");
    let mut other = options.connect().await.expect("connects");
    let mut undo = vec!["DELETE FROM _sqlx_migrations WHERE version = 7".to_owned()];
    for table in ["account", "product", "customer_order"] {
        for column in ["external_reference", "metadata"] {
            undo.push(format!("ALTER TABLE {table} DROP COLUMN {column}"));
        }
    }
    for statement in undo {
        let statement = sqlx::query(AssertSqlSafe(statement));
        statement.execute(&mut other).await.expect("undone");
    }
    let reader = options.application_name("fritzy reader");
    let mut reader = reader.connect().await.expect("connects");
    assert!(read(&mut reader).await.is_ok());
    assert!(read(&mut other).await.is_ok());

    assert_eq!(migrate_postgres(&config).await.expect("migrates"), [7]);
    let stale = read(&mut other).await.expect_err("another column");
    let code = stale.as_database_error().and_then(|error| error.code());
    assert_eq!(code.as_deref(), Some("0A000"), "the reason for the rest");
    assert!(read(&mut reader).await.is_err());
    assert!(reader.ping().await.is_err(), "the session was ended");
    assert_eq!(
        migrate_postgres(&config).await.expect("nothing to do"),
        [0; 0]
    );
}
