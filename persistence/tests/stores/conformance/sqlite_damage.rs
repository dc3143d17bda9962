//! A page of a SQLite file that is overwritten under open stores, and that no look meets: only the
//! statements that need it.

use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use fritzy_domain::{AppendError, EntityId, KeysetPage, Kind, Page, SortKey, UnlimitedBudget};
use fritzy_persistence::Stores;
use fritzy_types::StorageError;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::fixture::{Fixture, TEST_TIMEOUT, account_id, command_id, node, sqlite_config};

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

/// Lists, histories and single entities: whatever page they need.
#[tokio::test]
async fn i1_reads_of_a_damaged_file_fail() {
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
    let page = Page { skip: 0, take: 10 };
    let model = &fixture.stores.read_model;
    model
        .products(page, &UnlimitedBudget)
        .await
        .expect("nothing was found yet");
    let found = model.accounts(page, &UnlimitedBudget).await;
    found.expect_err("the page is damaged");

    let (account, shard) = (account_id(1), fixture.leases[1].shard);
    let (entity, command) = (EntityId::Account(account), command_id(1));
    let all = KeysetPage {
        after: SortKey::START,
        before: SortKey::END,
        take: 10,
        from_end: false,
    };
    let stores = &fixture.stores;
    let budget = &UnlimitedBudget;
    let raw = *entity.as_uuid();
    let journal = &stores.journal;
    fn failure<T>(read: Result<T, StorageError>) -> Option<StorageError> {
        read.err()
    }
    let reads = [
        ("load", failure(model.load(&[entity]).await)),
        (
            "find_creation",
            failure(model.find_creation(Kind::Product, command).await),
        ),
        ("accounts", failure(model.accounts(page, budget).await)),
        ("products", failure(model.products(page, budget).await)),
        (
            "account_page",
            failure(model.account_page_by_key(all, budget).await),
        ),
        (
            "product_page",
            failure(model.product_page_by_key(all, budget).await),
        ),
        (
            "order_pages",
            failure(model.order_pages_by_key(&[account], all, budget).await),
        ),
        (
            "orders_of",
            failure(model.orders_of(&[account], page, budget).await),
        ),
        ("heads", failure(journal.heads().await)),
        (
            "read_shard",
            failure(journal.read_shard(shard, 0, 10).await),
        ),
        (
            "read_entity",
            failure(journal.read_entity(shard, entity, 10).await),
        ),
        (
            "history",
            failure(journal.history(shard, raw, page, budget).await),
        ),
        (
            "find_command",
            failure(journal.find_command(shard, command).await),
        ),
        ("generations", failure(journal.generations().await)),
        ("cursors", failure(stores.cursors.cursors("any").await)),
        (
            "topic_binding",
            failure(stores.topic_bindings.topic_binding(raw).await),
        ),
    ];
    for (read, failure) in reads {
        match failure {
            Some(StorageError::Damaged(reason)) => {
                assert!(reason.contains("is damaged"), "{read}: {reason}");
            }
            other => panic!("{read}: {other:?}"),
        }
    }
    fixture.stores.close().await;
}
