//! What only a file can show: that it is locked, kept, and refused when it is not ours.

use fritzy_domain::UnlimitedBudget;
use fritzy_persistence::{OpenError, SqliteConfig, Stores};
use fritzy_types::{Epoch, ShardCount};
use tempfile::TempDir;

use crate::fixture::{Fixture, node, sqlite_config};

#[tokio::test]
async fn a_file_in_use_is_refused_with_what_to_do() {
    let folder = TempDir::new().expect("a temporary folder");
    let _open = Stores::open_sqlite(sqlite_config(&folder))
        .await
        .expect("opens");
    let second = Stores::open_sqlite(sqlite_config(&folder)).await;
    let Err(refused @ OpenError::InUse { .. }) = second else {
        panic!("opened twice")
    };
    let text = refused.to_string();
    assert!(
        text.contains(&format!("process id {}", std::process::id())),
        "{text}"
    );
    assert!(text.contains("--data-dir"), "{text}");
}

#[tokio::test]
async fn each_opening_goes_on_with_higher_epochs() {
    let folder = TempDir::new().expect("a temporary folder");
    for run in 1..=3 {
        let stores = Stores::open_sqlite(sqlite_config(&folder))
            .await
            .expect("opens");
        let shards: Vec<_> = stores.ownership.shard_count().all().collect();
        let leases = stores
            .ownership
            .claim(node(run), &shards)
            .await
            .expect("claims");
        assert!(leases.iter().all(|lease| lease.epoch == Epoch(run as u64)));
        let fixture = Fixture::on(stores, leases);
        let written = fixture.create_account(run * 4).await.expect("written");
        assert_eq!(written.first, run as u64, "positions go on across runs");
        fixture.stores.close().await;
    }
}

#[tokio::test]
async fn another_number_of_shards_is_refused() {
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
async fn a_folder_that_is_not_there_is_named() {
    let refused = Stores::open_sqlite(SqliteConfig::new("/nonexistent/fritzy.db")).await;
    let text = refused.err().expect("refused").to_string();
    assert!(text.contains("/nonexistent/fritzy.db"), "{text}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
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

#[tokio::test]
async fn a_closed_database_is_one_file_with_everything_in_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let config = sqlite_config(&folder);
    for run in 1..=5 {
        let stores = Stores::open_sqlite(config.clone()).await.expect("opens");
        let shards: Vec<_> = stores.ownership.shard_count().all().collect();
        let leases = stores
            .ownership
            .claim(node(run), &shards)
            .await
            .expect("claims");
        let page = fritzy_domain::Page {
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
            answer.await.expect("written");
        }
        let log = folder.path().join("fritzy.db-wal");
        assert!(!log.exists(), "the log was moved into the file");
    }
}
