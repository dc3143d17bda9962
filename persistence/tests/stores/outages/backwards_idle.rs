//! A database that goes backwards under stores that were opened since, and have written nothing:
//! what they know are their claims, and the last events that the looks have read since then.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fritzy_domain::{AppendError, Generation};
use fritzy_persistence::{Lost, PostgresConfig, SqliteConfig, Stores};
use fritzy_testbed::{PostgresServer, ServiceError, skip_unless};
use fritzy_types::ShardCount;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::fixture::{Fixture, SHARDS, TEST_TIMEOUT, node, sqlite_config};
use crate::outages::workspace::blocking;

/// Some looks: there is one each second, and the first one after a claim reads the last events.
const LOOKS: Duration = Duration::from_secs(3);
const KEPT: u128 = 6;
const GONE: u128 = 5;

/// A database, an older state of it, and how that is put back under open stores.
enum Database {
    File {
        config: SqliteConfig,
        is_replaced: bool,
        folder: TempDir,
    },
    Server {
        config: PostgresConfig,
        server: Box<PostgresServer>,
        folder: TempDir,
    },
}

impl Database {
    fn file(is_replaced: bool) -> Self {
        let folder = TempDir::new().expect("a folder");
        let config = sqlite_config(&folder);
        Self::File {
            config,
            is_replaced,
            folder,
        }
    }

    fn server() -> Result<Self, ServiceError> {
        let server = PostgresServer::start(fritzy_testbed::PostgresConfig::default())?;
        let config = PostgresConfig {
            shards: ShardCount::new(SHARDS).expect("in range"),
            ..PostgresConfig::new(server.url("postgres"))
        };
        Ok(Self::Server {
            config,
            server: Box::new(server),
            folder: TempDir::new().expect("a folder"),
        })
    }

    async fn open(&self) -> Stores {
        match self {
            Self::File { config, .. } => Stores::open_sqlite(config.clone()).await.expect("opens"),
            Self::Server { config, .. } => {
                let opened = Stores::open_postgres(config.clone()).await;
                opened.expect("opens")
            }
        }
    }

    fn older(&self) -> PathBuf {
        match self {
            Self::File { folder, .. } | Self::Server { folder, .. } => folder.path().join("older"),
        }
    }

    /// Keeps the present state. The stores are closed.
    fn keep(&self) {
        let older = self.older();
        match self {
            Self::File { config, .. } => {
                // Closed stores leave one complete file.
                fs::copy(&config.file, &older).expect("copied");
            }
            Self::Server { server, .. } => {
                let file = older.to_str().expect("UTF-8");
                let arguments = ["--format", "custom", "--file", file];
                blocking(|| run(server, "pg_dump", &arguments));
            }
        }
    }

    /// Puts the kept state back, while stores are open.
    async fn put_back(&self) {
        let older = self.older();
        match self {
            Self::File {
                config,
                is_replaced: true,
                ..
            } => fs::rename(&older, &config.file).expect("replaced"),
            Self::File { config, .. } => restore_content(&config.file, &older).await,
            Self::Server { server, .. } => {
                // `pg_restore --clean` cannot drop a table in parts.
                let empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
                let file = older.to_str().expect("UTF-8");
                blocking(|| {
                    server.psql("postgres", empty).expect("emptied");
                    run(server, "pg_restore", &["--single-transaction", file]);
                });
            }
        }
    }

    /// Adds one to every epoch, as something else than these stores would by a claim.
    async fn raise_epochs(&self) {
        let raise = "UPDATE shard SET epoch = epoch + 1";
        match self {
            Self::File { config, .. } => {
                let mut connection = connect(&config.file).await;
                let raised = sqlx::query(raise).execute(&mut connection).await;
                raised.expect("raised");
                connection.close().await.expect("closes");
            }
            Self::Server { server, .. } => {
                blocking(|| server.psql("postgres", raise)).expect("raised");
            }
        }
    }
}

fn run(server: &PostgresServer, program: &str, arguments: &[&str]) {
    let ended = Command::new(server.program(program))
        .args(["--dbname", &server.url("postgres")])
        .args(arguments)
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{program}: {said}");
}

async fn connect(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file);
    let opened = options.foreign_keys(false).connect().await;
    opened.expect("opens")
}

/// Gives a file the content of an older one, in one transaction, as `.restore` of SQLite's shell
/// does: it stays the same file.
async fn restore_content(file: &Path, older: &Path) {
    let mut connection = connect(file).await;
    let attached = sqlx::query("ATTACH ? AS older").bind(older.to_str());
    attached.execute(&mut connection).await.expect("attached");
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let tables = sqlx::query(tables).fetch_all(&mut connection).await;
    let mut script = "BEGIN IMMEDIATE;".to_owned();
    for table in tables.expect("reads") {
        let table: String = table.get(0);
        script += &format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM older.{table};"
        );
    }
    let script = sqlx::raw_sql(AssertSqlSafe(script + "COMMIT"));
    script.execute(&mut connection).await.expect("restored");
    connection.close().await.expect("closes");
}

async fn opened(owner: u128, database: &Database) -> Fixture {
    Fixture::claimed_by(node(owner), database.open().await).await
}

async fn write(fixture: &Fixture, numbers: std::ops::Range<u128>) {
    for number in numbers {
        let appended = fixture.create_account(number).await;
        appended.unwrap_or_else(|failure| panic!("{number}: {failure}"));
    }
}

async fn current(stores: &Stores) -> Generation {
    let generations = stores.journal.generations().await;
    generations.expect("reads").current().clone()
}

async fn require_lost_history(stores: &Stores) {
    let lost = timeout(TEST_TIMEOUT, stores.lost()).await;
    assert_eq!(lost.expect("it is noticed"), Lost::History);
}

/// Written by earlier stores, kept, and written to again; then opened by stores that write nothing.
async fn opened_idle(database: &Database) -> Fixture {
    let first = opened(1, database).await;
    write(&first, 0..KEPT).await;
    first.stores.close().await;
    database.keep();
    let second = opened(2, database).await;
    write(&second, 100..100 + GONE).await;
    second.stores.close().await;
    let idle = opened(3, database).await;
    sleep(LOOKS).await;
    idle
}

/// The loss is exactly what was acknowledged and is not there, and writes go on behind what is.
async fn names_the_loss_of_idle_stores(database: Database) {
    let idle = opened_idle(&database).await;
    database.put_back().await;
    require_lost_history(&idle.stores).await;
    idle.stores.close().await;

    let again = opened(4, &database).await;
    let generation = current(&again.stores).await;
    assert_eq!(generation.number, 2);
    for (shard, start) in &generation.shards {
        let of_shard = |numbers: std::ops::Range<u128>| {
            let in_shard = |number: &u128| number % u128::from(SHARDS) == u128::from(shard.0);
            numbers.filter(in_shard).count() as u64
        };
        assert_eq!(start.kept, of_shard(0..KEPT), "{shard}");
        let lost = of_shard(100..100 + GONE);
        assert_eq!(start.lost_events(), lost, "{shard}");
    }
    write(&again, 200..210).await;
    again.stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_idle_sqlite_names_what_restored_content_lost() {
    names_the_loss_of_idle_stores(Database::file(false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_idle_sqlite_names_what_a_replaced_file_lost() {
    names_the_loss_of_idle_stores(Database::file(true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_idle_postgres_names_what_a_restore_lost() {
    let database = skip_unless!(Database::server());
    names_the_loss_of_idle_stores(database).await;
}

/// No event is missing, and no heartbeat is counted: the epochs alone tell. Otherwise every write
/// would be refused for ever.
async fn claims_alone_show_a_restore(database: Database) {
    let first = opened(1, &database).await;
    first.stores.close().await;
    database.keep();
    let idle = opened(2, &database).await;
    database.put_back().await;
    require_lost_history(&idle.stores).await;
    idle.stores.close().await;
    let again = opened(3, &database).await;
    assert_eq!(current(&again.stores).await.number, 2);
    write(&again, 0..4).await;
    again.stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_lost_claims_begin_a_generation_on_sqlite() {
    claims_alone_show_a_restore(Database::file(false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_lost_claims_begin_a_generation_on_postgres() {
    claims_alone_show_a_restore(skip_unless!(Database::server())).await;
}

/// Nothing is lost, and no node may claim shards beside these stores: they are opened again on the
/// same generation, instead of being refused for ever.
async fn refused_stores_are_opened_again(database: Database) {
    let fixture = opened(1, &database).await;
    write(&fixture, 0..4).await;
    // Claims by the stores themselves are no reason.
    let newer = fixture.claim(node(2)).await;
    let refused = fixture.create_account(10).await;
    assert!(
        matches!(refused, Err(AppendError::Fenced(_))),
        "{refused:?}"
    );
    sleep(LOOKS).await;
    let fixture = Fixture::on(fixture.stores, newer);
    write(&fixture, 20..24).await;

    database.raise_epochs().await;
    let refused = fixture.create_account(30).await;
    assert!(
        matches!(refused, Err(AppendError::Fenced(_))),
        "{refused:?}"
    );
    require_lost_history(&fixture.stores).await;
    fixture.stores.close().await;
    let again = opened(3, &database).await;
    assert_eq!(current(&again.stores).await.number, 1);
    write(&again, 40..44).await;
    again.stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_refused_sqlite_stores_do_not_stay_refused() {
    refused_stores_are_opened_again(Database::file(false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_refused_postgres_stores_do_not_stay_refused() {
    refused_stores_are_opened_again(skip_unless!(Database::server())).await;
}
