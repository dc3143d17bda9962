//! What only a server can show: that it is migrated, taken, kept, and refused when it is not fit.

use std::time::{Duration, Instant};

use fritzy_domain::{Page, UnlimitedBudget};
use fritzy_persistence::{
    PostgresConfig, PostgresError, Stores, VerifyProgress, migrate_postgres, verify_postgres,
};
use fritzy_testbed::{PostgresServer, skipped};
use fritzy_types::{ShardCount, StorageError};

use crate::fixtures::{Fixture, node, postgres_config};

async fn refusal(config: PostgresConfig) -> PostgresError {
    match Stores::open_postgres(config).await {
        Ok(_) => panic!("it opened"),
        Err(refusal) => refusal,
    }
}

/// Runs a statement behind the back of the stores.
async fn change(config: &PostgresConfig, statement: &'static str) {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(&config.url)
        .await
        .expect("connects");
    let done = sqlx::raw_sql(statement).execute(&mut connection).await;
    done.expect(statement);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_node_is_refused_until_the_first_has_gone() {
    let Some(config) = postgres_config("a_second_node_is_refused_until_the_first_has_gone") else {
        return;
    };
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
async fn what_is_written_is_there_after_a_close() {
    let Some(config) = postgres_config("what_is_written_is_there_after_a_close") else {
        return;
    };
    for run in 1..=3_u128 {
        let stores = Stores::open_postgres(config.clone()).await.expect("opens");
        let shards: Vec<_> = stores.ownership.shard_count().all().collect();
        let leases = stores.ownership.claim(node(run), &shards).await;
        let leases = leases.expect("claims");
        assert!(leases.iter().all(|lease| u128::from(lease.epoch.0) == run));
        let page = Page {
            skip: 0,
            take: 1_000,
        };
        let found = stores
            .read_model
            .accounts(page, &UnlimitedBudget)
            .await
            .expect("reads");
        assert_eq!(found.len() as u128, (run - 1) * 50);
        let fixture = Fixture::on(stores, leases);
        let appends = (0..50).map(|n| fixture.new_account(run * 1_000 + n));
        let pending: Vec<_> = appends.map(|a| fixture.stores.journal.append(a)).collect();
        fixture.stores.close().await;
        for answer in pending {
            answer
                .await
                .expect("what was queued is written before the stores close");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_nodes_migrate_at_once() {
    let Some(config) = postgres_config("many_nodes_migrate_at_once") else {
        return;
    };
    let migrating: Vec<_> = (0..8)
        .map(|_| {
            let config = config.clone();
            tokio::spawn(async move { migrate_postgres(&config).await })
        })
        .collect();
    let mut took = Vec::new();
    for migrated in migrating {
        took.push(migrated.await.expect("no panic").expect("migrates"));
    }
    assert!(took.iter().any(|steps| !steps.is_empty()), "{took:?}");
    assert_eq!(migrate_postgres(&config).await.expect("again"), [0; 0]);
    let stores = Stores::open_postgres(config).await.expect("opens");
    stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_is_refused_where_it_does_not_fit_and_only_there() {
    let Some(config) = postgres_config("a_schema_is_refused_where_it_does_not_fit_and_only_there")
    else {
        return;
    };
    let unmigrated = PostgresConfig {
        migrate: false,
        ..config.clone()
    };
    let refused = refusal(unmigrated.clone()).await;
    let behind = matches!(refused, PostgresError::SchemaBehind { step: 1, .. });
    assert!(behind, "{refused}");
    assert!(refused.to_string().contains("fritzy migrate"), "{refused}");
    migrate_postgres(&config).await.expect("migrates");
    let stores = Stores::open_postgres(unmigrated).await;
    stores.expect("opens what is up to date").close().await;

    // A newer version has added something: this one goes on.
    change(
        &config,
        "ALTER TABLE account ADD COLUMN language text NOT NULL DEFAULT 'en';
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (900, 'accounts have a language', true, '', 0)",
    )
    .await;
    let stores = Stores::open_postgres(config.clone()).await;
    let stores = stores.expect("an older program beside a newer schema");
    let shards: Vec<_> = stores.ownership.shard_count().all().collect();
    let leases = stores.ownership.claim(node(1), &shards).await;
    let fixture = Fixture::on(stores, leases.expect("claims"));
    fixture.create_account(1).await.expect("writes");
    fixture.stores.close().await;

    // A newer version has taken something away.
    let contracted = "UPDATE meta SET value = '901' WHERE name = 'schema_required'";
    change(&config, contracted).await;
    let refused = refusal(config).await;
    let ahead = matches!(refused, PostgresError::SchemaAhead { required: 901, .. });
    assert!(ahead, "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_somebody_else_is_left_as_it_is() {
    let Some(config) = postgres_config("a_database_of_somebody_else_is_left_as_it_is") else {
        return;
    };
    for (theirs, table) in [
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
        change(&config, theirs).await;
        for refused in [
            refusal(config.clone()).await,
            migrate_postgres(&config).await.expect_err("it is theirs"),
        ] {
            let is_so = matches!(&refused, PostgresError::NotEmpty { found, .. } if found == table);
            assert!(is_so, "{theirs}: {refused}");
        }
        let anew = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        change(&config, anew).await;
    }
    // What is beside it is nobody's business.
    let beside = "CREATE SCHEMA theirs; CREATE TABLE theirs.customer (id int)";
    change(&config, beside).await;
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

/// A schema of the role's name is enough: by default it is looked into first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_comes_before_theirs_takes_nothing_from_the_tables() {
    let test = "a_schema_that_comes_before_theirs_takes_nothing_from_the_tables";
    let Some(config) = postgres_config(test) else {
        return;
    };
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    let shards: Vec<_> = stores.ownership.shard_count().all().collect();
    let leases = stores.ownership.claim(node(1), &shards).await;
    let fixture = Fixture::on(stores, leases.expect("claims"));
    fixture.create_account(1).await.expect("writes");
    let before = r#"CREATE SCHEMA "The first"; CREATE VIEW "The first".account AS SELECT 1 AS id;
        CREATE VIEW "The first".meta AS SELECT 1 AS name; CREATE VIEW "The first".journal AS SELECT 1 AS id;
        CREATE VIEW "The first".shard AS SELECT 1 AS id; CREATE VIEW "The first"._sqlx_migrations AS SELECT 1 AS version;
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET search_path = "The first", public', current_database());
        END $$"#;
    change(&config, before).await;
    let migrated = migrate_postgres(&config).await;
    assert_eq!(migrated.expect("all is there"), [0; 0]);
    change(&config, CUT).await;
    assert_eq!(accounts(&fixture.stores).await, Ok(1));
    fixture.stores.close().await;
    let again = Stores::open_postgres(config.clone()).await.expect("opens");
    assert_eq!(accounts(&again).await, Ok(1));
    again.close().await;
    let verified = verify_postgres(&config.url, 10, &VerifyProgress::default()).await;
    let verified = verified.expect("read");
    assert_eq!((verified.checked.events, verified.total()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_may_have_any_name() {
    let Some(config) = postgres_config("a_schema_may_have_any_name") else {
        return;
    };
    let named = r#"CREATE SCHEMA "My (.Sh""op";
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET search_path = "My (.Sh""op"', current_database());
        END $$"#;
    change(&config, named).await;
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    assert_eq!(accounts(&stores).await, Ok(0));
    stores.close().await;
    let verified = verify_postgres(&config.url, 10, &VerifyProgress::default()).await;
    assert_eq!(verified.expect("read").violations, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_replaced_is_not_read() {
    let Some(config) = postgres_config("a_database_that_was_replaced_is_not_read") else {
        return;
    };
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    assert_eq!(accounts(&stores).await, Ok(0));
    let restored = "UPDATE meta SET value = 'another' WHERE name = 'generation'";
    change(&config, restored).await;
    change(&config, CUT).await;
    let began = Instant::now();
    for _ in 0..3 {
        let read = accounts(&stores).await;
        assert!(
            matches!(read, Err(StorageError::Unavailable(_))),
            "{read:?}"
        );
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "nobody waits: {took:?}");
    stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_number_of_shards_is_named() {
    let Some(config) = postgres_config("another_number_of_shards_is_named") else {
        return;
    };
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
async fn a_server_that_would_lose_writes_is_refused_unless_that_is_wanted() {
    let test = "a_server_that_would_lose_writes_is_refused_unless_that_is_wanted";
    for setting in ["fsync", "synchronous_commit"] {
        let config = fritzy_testbed::PostgresConfig::default().with(setting, "off");
        let server = match PostgresServer::start(config) {
            Ok(server) => server,
            Err(missing) if missing.is_missing() => return skipped(test, &missing.to_string()),
            Err(failure) => panic!("{failure}"),
        };
        let config = PostgresConfig::new(server.url("postgres"));
        let refused = refusal(config.clone()).await;
        let PostgresError::NotDurable { setting: told, .. } = refused else {
            panic!("{refused}")
        };
        assert_eq!(told, setting);
        let wanted = PostgresConfig {
            allow_unsafe: true,
            ..config
        };
        let stores = Stores::open_postgres(wanted).await.expect("opens");
        stores.close().await;
    }
}

#[tokio::test]
async fn addresses_are_refused_without_their_passwords() {
    let nobody = PostgresConfig {
        wait: std::time::Duration::ZERO,
        ..PostgresConfig::new("postgres://me:secret@127.0.0.1:1/none")
    };
    let refused = refusal(nobody).await;
    let text = refused.to_string();
    assert!(text.contains("127.0.0.1:1/none"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let refused = refusal(PostgresConfig::new("postgres://me:secret@[bad/none")).await;
    assert!(matches!(refused, PostgresError::Url(_)), "{refused}");
    assert!(!refused.to_string().contains("secret"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_is_waited_for_and_one_that_refuses_is_not() {
    let test = "a_server_that_starts_is_waited_for_and_one_that_refuses_is_not";
    let server = match PostgresServer::start(fritzy_testbed::PostgresConfig::default()) {
        Ok(server) => server,
        Err(missing) if missing.is_missing() => return skipped(test, &missing.to_string()),
        Err(failure) => panic!("{failure}"),
    };
    let url = server.url("postgres");
    let began = std::time::Instant::now();
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
        began.elapsed() < std::time::Duration::from_secs(8),
        "at once"
    );
    server.stop_fast().expect("stops");
    let opening = tokio::spawn(Stores::open_postgres(PostgresConfig {
        wait: std::time::Duration::from_secs(60),
        ..PostgresConfig::new(url)
    }));
    tokio::task::block_in_place(|| server.restart()).expect("starts");
    let stores = opening.await.expect("no panic").expect("opens");
    stores.close().await;
}
