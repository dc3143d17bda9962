//! What only a file can show: its lock, its content after a close, and files that are refused.

use fritzy_domain::UnlimitedBudget;
use fritzy_persistence::{EventTail, SqliteConfig, SqliteError, Stores, TailFrom, backup_sqlite};
use fritzy_types::{Epoch, ShardCount};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use crate::fixture::{Fixture, node, sqlite_config};

#[tokio::test]
async fn file_in_use_is_refused_with_a_remedy() {
    let folder = TempDir::new().expect("a temporary folder");
    let _open = Stores::open_sqlite(sqlite_config(&folder))
        .await
        .expect("opens");
    let second = Stores::open_sqlite(sqlite_config(&folder)).await;
    let Err(refused @ SqliteError::InUse { .. }) = second else {
        panic!("it opened twice")
    };
    let text = refused.to_string();
    assert!(
        text.contains(&format!("process id {}", std::process::id())),
        "{text}"
    );
    assert!(text.contains("--data-dir"), "{text}");
}

#[tokio::test]
async fn reopening_raises_epochs_and_continues_positions() {
    let folder = TempDir::new().expect("a temporary folder");
    for run in 1..=3 {
        let stores = Stores::open_sqlite(sqlite_config(&folder))
            .await
            .expect("opens");
        let fixture = Fixture::claimed_by(node(run), stores).await;
        let leases = &fixture.leases;
        assert!(leases.iter().all(|lease| lease.epoch == Epoch(run as u64)));
        let written = fixture.create_account(run * 4).await.expect("written");
        assert_eq!(written.first, run as u64, "positions continue across runs");
        fixture.stores.close().await;
    }
}

#[tokio::test]
async fn different_shard_count_is_refused() {
    let folder = TempDir::new().expect("a temporary folder");
    let stores = Stores::open_sqlite(sqlite_config(&folder))
        .await
        .expect("opens");
    stores.close().await;
    drop(stores);
    let other = SqliteConfig {
        shards: ShardCount::new(5).expect("in range"),
        ..sqlite_config(&folder)
    };
    let refused = Stores::open_sqlite(other)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(
        refused.contains("created with 4 shards") && refused.contains("set it to 4"),
        "{refused}"
    );
}

#[tokio::test]
async fn missing_folder_is_named() {
    let refused = Stores::open_sqlite(SqliteConfig::new("/nonexistent/fritzy.db")).await;
    let text = refused.err().expect("refused").to_string();
    assert!(text.contains("/nonexistent/fritzy.db"), "{text}");
}

#[tokio::test]
async fn non_database_file_is_refused() {
    let folder = TempDir::new().expect("a temporary folder");
    let config = sqlite_config(&folder);
    std::fs::write(
        &config.file,
        "certainly not a database, but long enough to be read as one",
    )
    .expect("written");
    let text = Stores::open_sqlite(config)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(text.contains("cannot be used"), "{text}");
}

async fn execute(config: &SqliteConfig, statements: &'static str) {
    let options = SqliteConnectOptions::new().filename(&config.file);
    let mut connection = options.connect().await.expect("opens");
    let done = sqlx::raw_sql(statements).execute(&mut connection).await;
    done.expect("executes");
    connection.close().await.expect("closes");
}

#[tokio::test]
async fn file_schema_is_refused_only_if_incompatible() {
    let folder = TempDir::new().expect("a temporary folder");
    let config = sqlite_config(&folder);
    let stores = Stores::open_sqlite(config.clone()).await.expect("creates");
    stores.close().await;

    // A newer version has added a column: this version still works.
    execute(
        &config,
        "ALTER TABLE account ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (900, 'accounts have a language', 1, x'00', 0)",
    )
    .await;
    let stores = Stores::open_sqlite(config.clone()).await;
    let stores = stores.expect("opens a newer schema");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    fixture.create_account(1).await.expect("writes");
    fixture.stores.close().await;
    let tail = EventTail::open_sqlite(&config.file, &TailFrom::Start).await;
    tail.expect("opens a newer schema").close().await;
    let copy = folder.path().join("copy.db");
    let made = backup_sqlite(&config.file, &copy, false).await;
    assert_eq!(made.expect("copies a newer schema").0.events, 1);

    // A newer version has removed something.
    let contracted = "INSERT INTO meta (name, value) VALUES ('schema_required', '901')";
    execute(&config, contracted).await;
    let refused = Stores::open_sqlite(config.clone()).await;
    let refused = refused.err().expect("refused");
    assert!(matches!(refused, SqliteError::Newer { .. }), "{refused}");
    let text = refused.to_string();
    assert!(
        text.contains("know step 901") && text.contains("Start that version"),
        "{text}"
    );
    let tail = EventTail::open_sqlite(&config.file, &TailFrom::Start).await;
    let refused = tail.err().expect("refused").to_string();
    assert!(refused.contains("know step 901"), "{refused}");
}

#[tokio::test]
async fn i1_closed_database_is_one_complete_file() {
    let folder = TempDir::new().expect("a temporary folder");
    let config = sqlite_config(&folder);
    for run in 1..=5 {
        let stores = Stores::open_sqlite(config.clone()).await.expect("opens");
        let fixture = Fixture::claimed_by(node(run), stores).await;
        let page = fritzy_domain::Page {
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
            result.await.expect("written");
        }
        let wal = folder.path().join("fritzy.db-wal");
        assert!(!wal.exists(), "the WAL was moved into the file");
    }
}
