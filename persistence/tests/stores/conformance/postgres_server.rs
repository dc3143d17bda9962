//! What only a server can show: migrations, the lock of a database, and databases and servers that
//! are refused.

use std::time::{Duration, Instant};

use fritzy_domain::{Page, UnlimitedBudget};
use fritzy_persistence::{
    PostgresConfig, PostgresError, Stores, VerifyProgress, migrate_postgres, verify_postgres,
};
use fritzy_testbed::{PostgresServer, skip_unless};
use fritzy_types::{ShardCount, StorageError};

use crate::fixture::{Fixture, node, postgres_config};

async fn refusal(config: PostgresConfig) -> PostgresError {
    match Stores::open_postgres(config).await {
        Ok(_) => panic!("it opened"),
        Err(refusal) => refusal,
    }
}

/// Runs a statement directly on the server, bypassing the stores.
async fn execute(config: &PostgresConfig, statement: &'static str) {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(&config.url)
        .await
        .expect("connects");
    let done = sqlx::raw_sql(statement).execute(&mut connection).await;
    done.expect(statement);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_node_is_refused_while_the_first_runs() {
    let config = skip_unless!(postgres_config());
    let first = Stores::open_postgres(config.clone()).await.expect("opens");
    let refused = refusal(config.clone()).await;
    assert!(matches!(refused, PostgresError::InUse { .. }), "{refused}");
    let text = refused.to_string();
    assert!(text.contains("connected from 127.0.0.1"), "{text}");
    assert!(!text.contains("postgres:"), "no password: {text}");
    first.close().await;
    let second = Stores::open_postgres(config).await.expect("opens again");
    second.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_reopened_database_has_every_write() {
    let config = skip_unless!(postgres_config());
    for run in 1..=3_u128 {
        let stores = Stores::open_postgres(config.clone()).await.expect("opens");
        let fixture = Fixture::claimed_by(node(run), stores).await;
        let leases = &fixture.leases;
        assert!(leases.iter().all(|lease| u128::from(lease.epoch.0) == run));
        let page = Page {
            skip: 0,
            take: 1_000,
        };
        let found = fixture
            .stores
            .read_model
            .accounts(page, &UnlimitedBudget)
            .await
            .expect("reads");
        assert_eq!(found.len() as u128, (run - 1) * 50);
        let appends = (0..50).map(|n| fixture.new_account(run * 1_000 + n));
        let pending: Vec<_> = appends.map(|a| fixture.stores.journal.append(a)).collect();
        fixture.stores.close().await;
        for result in pending {
            result
                .await
                .expect("queued appends are written before the stores close");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_migrations_succeed() {
    let config = skip_unless!(postgres_config());
    let migrating: Vec<_> = (0..8)
        .map(|_| {
            let config = config.clone();
            tokio::spawn(async move { migrate_postgres(&config).await })
        })
        .collect();
    let mut steps = Vec::new();
    for migrated in migrating {
        steps.push(migrated.await.expect("no panic").expect("migrates"));
    }
    assert!(steps.iter().any(|steps| !steps.is_empty()), "{steps:?}");
    assert_eq!(migrate_postgres(&config).await.expect("again"), [0; 0]);
    let stores = Stores::open_postgres(config).await.expect("opens");
    stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schema_is_refused_only_if_incompatible() {
    let config = skip_unless!(postgres_config());
    let unmigrated = PostgresConfig {
        migrate: false,
        ..config.clone()
    };
    let refused = refusal(unmigrated.clone()).await;
    let outdated = matches!(refused, PostgresError::SchemaBehind { step: 1, .. });
    assert!(outdated, "{refused}");
    assert!(refused.to_string().contains("fritzy migrate"), "{refused}");
    migrate_postgres(&config).await.expect("migrates");
    let stores = Stores::open_postgres(unmigrated).await;
    stores.expect("opens a current schema").close().await;

    // A newer version has added a column: this version still works.
    execute(
        &config,
        "ALTER TABLE account ADD COLUMN language text NOT NULL DEFAULT 'en';
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (900, 'accounts have a language', true, '', 0)",
    )
    .await;
    let stores = Stores::open_postgres(config.clone()).await;
    let stores = stores.expect("opens a newer schema");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    fixture.create_account(1).await.expect("writes");
    fixture.stores.close().await;

    // A newer version has removed something.
    let contracted = "UPDATE meta SET value = '901' WHERE name = 'schema_required'";
    execute(&config, contracted).await;
    let refused = refusal(config).await;
    let ahead = matches!(refused, PostgresError::SchemaAhead { required: 901, .. });
    assert!(ahead, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_database_is_refused_unchanged() {
    let config = skip_unless!(postgres_config());
    for (foreign, table) in [
        ("CREATE TABLE customer (id int)", "customer"),
        ("CREATE VIEW customers AS SELECT 1", "customers"),
        ("CREATE TABLE meta (id int)", "meta"),
        (
            "CREATE TABLE _sqlx_migrations (id int); CREATE TABLE job (id int)",
            "job",
        ),
        (
            "CREATE TABLE _sqlx_migrations (id int); CREATE TABLE meta (id int)",
            "meta",
        ),
        (
            "CREATE TABLE meta (id int); CREATE TABLE journal (id int); CREATE TABLE shard (id int)",
            "journal",
        ),
        (
            "CREATE TABLE _sqlx_migrations AS SELECT 20240101000000 AS version",
            "_sqlx_migrations",
        ),
    ] {
        execute(&config, foreign).await;
        for refused in [
            refusal(config.clone()).await,
            migrate_postgres(&config).await.expect_err("it is foreign"),
        ] {
            let named = matches!(&refused, PostgresError::NotEmpty { found, .. } if found == table);
            assert!(named, "{foreign}: {refused}");
        }
        let emptied = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        execute(&config, emptied).await;
    }
    // Other schemas do not matter.
    let beside = "CREATE SCHEMA other; CREATE TABLE other.customer (id int)";
    execute(&config, beside).await;
    let stores = Stores::open_postgres(config).await.expect("opens");
    stores.close().await;
}

const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

async fn accounts(stores: &Stores) -> Result<usize, StorageError> {
    let page = Page { skip: 0, take: 10 };
    let found = stores.read_model.accounts(page, &UnlimitedBudget).await?;
    Ok(found.len())
}

/// A schema named after the role has the same effect: by default it is first in the search path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schema_earlier_in_the_search_path_hides_no_table() {
    let config = skip_unless!(postgres_config());
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    fixture.create_account(1).await.expect("writes");
    let before = r#"CREATE SCHEMA "The first"; CREATE VIEW "The first".account AS SELECT 1 AS id;
        CREATE VIEW "The first".meta AS SELECT 1 AS name; CREATE VIEW "The first".journal AS SELECT 1 AS id;
        CREATE VIEW "The first".shard AS SELECT 1 AS id; CREATE VIEW "The first"._sqlx_migrations AS SELECT 1 AS version;
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET search_path = "The first", public', current_database());
        END $$"#;
    execute(&config, before).await;
    let migrated = migrate_postgres(&config).await;
    assert_eq!(migrated.expect("nothing to migrate"), [0; 0]);
    execute(&config, CUT).await;
    assert_eq!(accounts(&fixture.stores).await, Ok(1));
    fixture.stores.close().await;
    let reopened = Stores::open_postgres(config.clone()).await.expect("opens");
    assert_eq!(accounts(&reopened).await, Ok(1));
    reopened.close().await;
    let verified = verify_postgres(&config.url, 10, &VerifyProgress::default()).await;
    let verified = verified.expect("reads");
    assert_eq!((verified.checked.events, verified.total()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schema_name_may_need_quoting() {
    let config = skip_unless!(postgres_config());
    let named = r#"CREATE SCHEMA "My (.Sh""op";
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET search_path = "My (.Sh""op"', current_database());
        END $$"#;
    execute(&config, named).await;
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    assert_eq!(accounts(&stores).await, Ok(0));
    stores.close().await;
    let verified = verify_postgres(&config.url, 10, &VerifyProgress::default()).await;
    assert_eq!(verified.expect("reads").violations, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replaced_database_is_not_read() {
    let config = skip_unless!(postgres_config());
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    assert_eq!(accounts(&stores).await, Ok(0));
    let restored = "UPDATE meta SET value = 'another' WHERE name = 'generation'";
    execute(&config, restored).await;
    execute(&config, CUT).await;
    let began = Instant::now();
    for _ in 0..3 {
        let read = accounts(&stores).await;
        assert!(
            matches!(read, Err(StorageError::Unavailable(_))),
            "{read:?}"
        );
    }
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(2),
        "reads fail at once: {took:?}"
    );
    stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_shard_count_is_refused() {
    let config = skip_unless!(postgres_config());
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    stores.close().await;
    let other = PostgresConfig {
        shards: ShardCount::new(8).expect("in range"),
        ..config
    };
    let refused = refusal(other).await.to_string();
    assert!(refused.contains("with 4 shards"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i1_non_durable_server_is_refused_unless_allowed() {
    for setting in ["fsync", "synchronous_commit"] {
        let config = fritzy_testbed::PostgresConfig::default().with(setting, "off");
        let server = skip_unless!(PostgresServer::start(config));
        let config = PostgresConfig::new(server.url("postgres"));
        let refused = refusal(config.clone()).await;
        let PostgresError::NotDurable { setting: named, .. } = refused else {
            panic!("{refused}")
        };
        assert_eq!(named, setting);
        let allowed = PostgresConfig {
            allow_unsafe: true,
            ..config
        };
        let stores = Stores::open_postgres(allowed).await.expect("opens");
        stores.close().await;
    }
}

#[tokio::test]
async fn connection_errors_contain_no_password() {
    let unreachable = PostgresConfig {
        wait: Duration::ZERO,
        ..PostgresConfig::new("postgres://me:secret@127.0.0.1:1/none")
    };
    let refused = refusal(unreachable).await;
    let text = refused.to_string();
    assert!(text.contains("127.0.0.1:1/none"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let refused = refusal(PostgresConfig::new("postgres://me:secret@[bad/none")).await;
    assert!(matches!(refused, PostgresError::Url(_)), "{refused}");
    assert!(!refused.to_string().contains("secret"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_waits_for_a_starting_server_but_not_a_refusal() {
    let config = fritzy_testbed::PostgresConfig::default();
    let server = skip_unless!(PostgresServer::start(config));
    let url = server.url("postgres");
    let began = Instant::now();
    for wrong in [
        url.replace("/postgres", "/nowhere"),
        url.replace("postgres:", "nobody:"),
    ] {
        let wrong = wrong.replace("nobody://", "postgres://");
        let refused = refusal(PostgresConfig::new(wrong)).await;
        assert!(
            matches!(refused, PostgresError::Refused { .. }),
            "{refused}"
        );
    }
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "refusals are not retried"
    );
    server.stop_fast().expect("stops");
    let opening = tokio::spawn(Stores::open_postgres(PostgresConfig {
        wait: Duration::from_secs(60),
        ..PostgresConfig::new(url)
    }));
    tokio::task::block_in_place(|| server.restart()).expect("starts");
    let stores = opening.await.expect("no panic").expect("opens");
    stores.close().await;
}
