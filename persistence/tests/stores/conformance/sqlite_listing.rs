//! The tables of orders by product and by total on SQLite, which a running store fills behind its
//! commits.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fritzy_domain::{
    OrderFilter, OrderInterval, OrderKey, OrderListPage, OrderSort, ProductId, UnlimitedBudget,
};
use fritzy_persistence::{SqliteConfig, Stores};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Row, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::fixture::{Fixture, TEST_TIMEOUT, account_id, node, sqlite_config};

/// Every order of these tests has it.
fn product() -> ProductId {
    ProductId::from_uuid(Uuid::from_u128(5))
}

async fn opened(folder: &TempDir, chunk_rows: u32) -> Fixture {
    let stores = Stores::open_sqlite(SqliteConfig {
        listing_chunk_rows: chunk_rows,
        ..sqlite_config(folder)
    });
    Fixture::claimed_by(node(1), stores.await.expect("opens")).await
}

/// Journal rows behind those that are listed, and rows by product and by total.
async fn progress(folder: &TempDir) -> (i64, i64, i64) {
    let options = SqliteConnectOptions::new().filename(folder.path().join("fritzy.db"));
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .expect("opens");
    let row = sqlx::query(
        "SELECT (SELECT max(rowid) FROM journal) - listed_to,
            (SELECT count(*) FROM order_line), (SELECT count(*) FROM order_total)
         FROM order_listing",
    )
    .fetch_one(&mut connection)
    .await
    .expect("reads");
    connection.close().await.expect("closes");
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn sqlite_idle_store_lists_its_orders_by_itself() {
    let folder = TempDir::new().expect("a temporary folder");
    let fixture = opened(&folder, 16).await;
    for number in 0..41 {
        let order = fixture.new_order(number, account_id(number), None);
        fixture.stores.journal.append(order).await.expect("written");
    }
    let began = Instant::now();
    let mut found = progress(&folder).await;
    // One row is left where a chunk is 16: less than an eighth.
    while found.0 > 1 {
        assert!(began.elapsed() < TEST_TIMEOUT, "{found:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
        found = progress(&folder).await;
    }
    assert!(found.1 >= 40 && found.2 >= 40, "{found:?}");
    fixture.stores.close().await;
    assert_eq!(progress(&folder).await, (0, 41, 41));
}

/// Walks a list; returns the orders that it had, in their order.
async fn walk(fixture: &Fixture, sort: OrderSort) -> Vec<OrderKey> {
    const TAKE: u32 = 25;
    let filter = OrderFilter {
        product: (sort == OrderSort::Creation).then(product),
        ..OrderFilter::default()
    };
    let mut walked: Vec<OrderKey> = Vec::new();
    loop {
        let (after, before) = (walked.last().copied(), None);
        let interval = match (sort, after) {
            (OrderSort::Creation, Some(OrderKey::Creation(key))) => {
                let after = Some(key);
                OrderInterval::Creation { after, before }
            }
            (OrderSort::Creation, _) => OrderInterval::Creation {
                after: None,
                before,
            },
            (OrderSort::Total, Some(OrderKey::Total(key))) => OrderInterval::Total {
                after: Some(key),
                before: None,
            },
            (OrderSort::Total, _) => OrderInterval::Total {
                after: None,
                before: None,
            },
        };
        let page = OrderListPage {
            interval,
            take: TAKE,
            from_end: false,
        };
        let read_model = &fixture.stores.read_model;
        let slice = read_model.order_page(&filter, page, &UnlimitedBudget).await;
        let orders = slice.expect("reads").orders;
        walked.extend(orders.iter().map(|order| OrderKey::of(&order.state, sort)));
        if orders.len() < TAKE as usize {
            return walked;
        }
    }
}

fn id_of(key: &OrderKey) -> Uuid {
    match key {
        OrderKey::Creation(key) => key.id,
        OrderKey::Total(key) => key.id,
    }
}

/// Every order that was acknowledged before a walk began is in it once, whatever is listed meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_walks_beside_listing_miss_no_order() {
    const ORDERS: u128 = 600;
    let folder = TempDir::new().expect("a temporary folder");
    let fixture = opened(&folder, 16).await;
    let acknowledged = std::sync::Mutex::new(BTreeSet::new());
    let written = AtomicBool::new(false);
    let write = async {
        for numbers in (0..ORDERS).collect::<Vec<_>>().chunks(6) {
            let appends = numbers.iter().map(|&number| {
                let order = fixture.new_order(number, account_id(number % 7), None);
                let id = *order.entity.as_uuid();
                let append = fixture.stores.journal.append(order);
                async move { append.await.map(|_| id) }
            });
            for appended in futures_util::future::join_all(appends).await {
                let id = appended.expect("written");
                acknowledged.lock().expect("no panic").insert(id);
            }
        }
        written.store(true, Ordering::SeqCst);
    };
    let read = async {
        let mut walks = 0;
        while !written.load(Ordering::SeqCst) {
            for sort in [OrderSort::Creation, OrderSort::Total] {
                let before = acknowledged.lock().expect("no panic").clone();
                let walked = walk(&fixture, sort).await;
                let ids: BTreeSet<Uuid> = walked.iter().map(id_of).collect();
                assert_eq!(ids.len(), walked.len(), "by {sort:?}: an order is repeated");
                assert!(ids.is_superset(&before), "by {sort:?}: an order is missing");
                walks += 1;
            }
        }
        walks
    };
    let ((), walks) = tokio::join!(write, read);
    assert!(walks > 4, "{walks}");
    assert_eq!(
        walk(&fixture, OrderSort::Total).await.len(),
        ORDERS as usize
    );
    fixture.stores.close().await;
    let orders = ORDERS as i64;
    assert_eq!(progress(&folder).await, (0, orders, orders));
}
