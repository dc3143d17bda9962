//! A page of a SQLite file that is overwritten under open stores, and that no look meets: only the
//! statements that need it.

use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use fritzy_domain::{AppendError, Page, UnlimitedBudget};
use fritzy_persistence::Stores;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::fixture::{Fixture, TEST_TIMEOUT, node, sqlite_config};

const PAGE_BYTES: u64 = 4_096;

/// The number of the first page of the table of accounts.
async fn page_of_accounts(file: &Path) -> u64 {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.expect("opens");
    let row = sqlx::query("SELECT rootpage FROM sqlite_schema WHERE name = 'account'")
        .fetch_one(&mut connection)
        .await
        .expect("reads");
    connection.close().await.expect("closes");
    row.get::<i64, _>(0).unsigned_abs()
}

fn overwrite(file: &Path, page: u64) {
    let mut file = OpenOptions::new().write(true).open(file).expect("opens");
    file.seek(SeekFrom::Start((page - 1) * PAGE_BYTES))
        .expect("a page");
    file.write_all(&[0xA5; PAGE_BYTES as usize])
        .expect("written");
}

#[tokio::test]
async fn i1_damage_found_by_a_read_ends_all_writes() {
    let folder = TempDir::new().expect("a folder");
    let config = sqlite_config(&folder);
    let file = config.file.clone();
    let stores = Stores::open_sqlite(config.clone()).await.expect("opens");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    fixture.create_account(1).await.expect("appended");
    fixture.stores.close().await;
    let page = page_of_accounts(&file).await;
    let stores = Stores::open_sqlite(config).await.expect("opens");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    overwrite(&file, page);
    // A product needs no page of accounts.
    let sound = fixture.stores.journal.append(fixture.new_product(2)).await;
    sound.expect("nothing was found yet");
    let page = Page { skip: 0, take: 10 };
    let read = fixture.stores.read_model.accounts(page, &UnlimitedBudget);
    read.await.expect_err("the page is damaged");
    let found = timeout(TEST_TIMEOUT, fixture.stores.damaged()).await;
    found.expect("it is reported");
    match fixture.stores.journal.append(fixture.new_product(3)).await {
        Err(AppendError::Unavailable {
            reason,
            certainly_not_written: true,
        }) => assert!(reason.contains("is damaged"), "{reason}"),
        other => panic!("{other:?}"),
    }
    let shards: Vec<_> = fixture.stores.ownership.shard_count().all().collect();
    let claimed = fixture.stores.ownership.claim(node(2), &shards).await;
    claimed.expect_err("nothing is written");
    fixture.stores.close().await;
}
