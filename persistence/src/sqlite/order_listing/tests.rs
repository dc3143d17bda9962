//! Lists are complete at every step at which orders are added to their tables.

mod shop;

use fritzy_domain::{ListCounts as _, OrderFilter, OrderSort, OrderStatus, RowCount, TotalRange};
use sqlx::{AssertSqlSafe, Row as _};

use self::shop::{
    Model, Progress, Shop, account, cancellation, creation, expected, order_of, product,
};
use crate::committer::{BatchError, BatchStore as _};

/// Journal rows in a chunk: a few batches.
const CHUNK: u32 = 24;
/// Appends in a batch.
const BATCH_MAX: usize = 7;
const PRODUCTS: u8 = 4;

/// The lists that read the tables, alone and with comparisons, and one that compares by product.
fn filters() -> Vec<(OrderFilter, OrderSort)> {
    let of_product = |number| OrderFilter {
        product: Some(product(number)),
        ..OrderFilter::default()
    };
    let cancelled = OrderFilter {
        statuses: Some(vec![OrderStatus::Cancelled]),
        ..of_product(1)
    };
    let of_account = OrderFilter {
        account: Some(account(2)),
        ..of_product(2)
    };
    let mut filters = vec![
        (OrderFilter::default(), OrderSort::Total),
        (
            OrderFilter {
                totals: Some(TotalRange::all(fritzy_domain::Currency::USD)),
                ..OrderFilter::default()
            },
            OrderSort::Total,
        ),
        (cancelled.clone(), OrderSort::Creation),
        (cancelled, OrderSort::Total),
        (of_account, OrderSort::Creation),
    ];
    filters.extend((0..PRODUCTS).map(|number| (of_product(number), OrderSort::Creation)));
    filters
}

async fn require_equal(shop: &Shop, model: &Model, what: &str) {
    for (filter, sort) in filters() {
        let mut orders = expected(model, &filter, sort);
        let forwards = shop.walk(&filter, sort, false).await;
        assert!(forwards == orders, "{what}: {filter:?} by {sort:?}");
        orders.reverse();
        let backwards = shop.walk(&filter, sort, true).await;
        assert!(
            backwards == orders,
            "{what}: {filter:?} by {sort:?}, backwards"
        );
        let counted = shop.read_model.count_orders(&filter).await;
        let exact = RowCount {
            rows: orders.len() as u64,
            is_lower_bound: false,
        };
        assert_eq!(counted, Ok(exact), "{what}: {filter:?}");
    }
}

/// Which situations a walk has seen.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    nothing_behind: bool,
    lines_half_listed: bool,
    totals_half_listed: bool,
    reopened_half_listed: bool,
    refused_half_listed: bool,
    idle_half_listed: bool,
}

impl Seen {
    fn note(&mut self, progress: Progress) -> bool {
        let (lines, totals) = progress.half_listed;
        self.nothing_behind |= progress.behind == 0;
        self.lines_half_listed |= lines > 0;
        self.totals_half_listed |= totals > 0;
        lines > 0
    }
}

async fn walk(seed: u64, steps: u32) -> Seen {
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut shop = Shop::new(CHUNK).await;
    let mut model = Model::new();
    let mut seen = Seen::default();
    let mut is_half_listed = false;
    for step in 1..=steps {
        let what = format!("step {step}");
        match random.u8(0..30) {
            0 => {
                seen.reopened_half_listed |= is_half_listed;
                shop.reopen().await;
                assert_eq!(shop.progress().await.behind, 0, "{what}: an open store");
            }
            1 => {
                seen.idle_half_listed |= is_half_listed;
                shop.idle().await;
                assert!(shop.progress().await.behind < i64::from(CHUNK) / 8);
            }
            2 if !model.is_empty() => {
                // Refused, together with the slice that it took along.
                seen.refused_half_listed |= is_half_listed;
                let mut known = random.choice(model.values()).expect("some").clone();
                known.state.status = OrderStatus::Created;
                let mut repeated = cancellation(&known, u128::from(step) << 8);
                repeated.expected_version += 1;
                let refused = shop.commit(&[repeated]).await;
                assert_eq!(refused, Err(BatchError::Conflicts(vec![0])), "{what}");
            }
            3..6 if !model.is_empty() => {
                let known = random.choice(model.values()).expect("some").clone();
                if known.state.status == OrderStatus::Created {
                    let cancelled = cancellation(&known, u128::from(step) << 8);
                    shop.commit(std::slice::from_ref(&cancelled))
                        .await
                        .expect("written");
                    model.insert(known.state.id, order_of(&cancelled));
                }
            }
            _ => {
                let number = |index: usize| u128::from(step) << 8 | index as u128;
                let batch: Vec<_> = (0..random.usize(1..=BATCH_MAX))
                    .map(|index| {
                        let all: Vec<u8> = (0..PRODUCTS).collect();
                        let products = random.choose_multiple(all, random.clone().usize(1..=3));
                        // Times and totals repeat, and do not grow.
                        let second = random.i64(0..20);
                        creation(number(index), second, &products, random.i64(1..40))
                    })
                    .collect();
                shop.commit(&batch).await.expect("written");
                model.extend(
                    batch
                        .iter()
                        .map(order_of)
                        .map(|order| (order.state.id, order)),
                );
            }
        }
        require_equal(&shop, &model, &what).await;
        let progress = shop.progress().await;
        assert_eq!(progress.listed, progress.expected, "{what}: {progress:?}");
        let behind_max = 2 * i64::from(CHUNK) + BATCH_MAX as i64;
        assert!(progress.behind <= behind_max, "{what}: {progress:?}");
        is_half_listed = seen.note(progress);
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_lists_equal_a_model_at_every_step_of_a_chunk() {
    let all = Seen {
        nothing_behind: true,
        lines_half_listed: true,
        totals_half_listed: true,
        reopened_half_listed: true,
        refused_half_listed: true,
        idle_half_listed: true,
    };
    assert_eq!(walk(7, 150).await, all);
    // Such a walk need not come by all of it.
    walk(fastrand::u64(..), 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_writer_leaves_few_rows_and_then_rests() {
    let mut shop = Shop::new(CHUNK).await;
    let first = [creation(1, 1, &[1], 5), creation(2, 1, &[1], 5)];
    shop.commit(&first).await.expect("written");
    assert_eq!(shop.idle().await, 0, "a sync for so few is not worth it");
    assert_eq!(shop.progress().await.behind, 2);
    shop.commit(&[creation(3, 1, &[1], 5)])
        .await
        .expect("written");
    assert_eq!(shop.idle().await, 1, "one transaction");
    assert_eq!(shop.progress().await.behind, 0);
    shop.commit(&first[..0]).await.expect("nothing to write");
    assert_eq!(shop.idle().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_store_has_all_orders_in_its_tables() {
    let mut shop = Shop::new(CHUNK).await;
    shop.commit(&[creation(1, 1, &[1, 2], 5)])
        .await
        .expect("written");
    assert_eq!(shop.progress().await.behind, 1);
    shop.batches.take().expect("open").close().await;
    let progress = shop.progress().await;
    assert_eq!((progress.behind, progress.listed), (0, (2, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_that_is_there_already_fails_no_batch() {
    let mut shop = Shop::new(CHUNK).await;
    let mut model = Model::new();
    let first = creation(1, 1, &[1], 5);
    for number in 1..60 {
        let append = creation(number, 1, &[1], 5);
        shop.commit(std::slice::from_ref(&append))
            .await
            .expect("written");
        model.insert(order_of(&append).state.id, order_of(&append));
        for statement in [
            "INSERT OR IGNORE INTO order_line VALUES (?1, ?2, ?3)",
            "INSERT OR IGNORE INTO order_total VALUES ('USD', 5, ?3)",
        ] {
            let planted = sqlx::query(statement)
                .bind(*product(1).as_uuid())
                .bind(order_of(&first).state.created_at.as_micros())
                .bind(*first.entity.as_uuid())
                .execute(&mut shop.connection);
            planted.await.expect("planted");
        }
    }
    require_equal(&shop, &model, "in the second chunk").await;
    assert_eq!(
        shop.progress().await.expected.1,
        24,
        "orders of the first chunk"
    );
}

/// Writes orders as the last release does: only into the journal and the state rows.
async fn write_as_last_release(shop: &mut Shop, model: &mut Model, numbers: std::ops::Range<u128>) {
    for number in numbers {
        let products = [(number % 3) as u8, 3];
        let append = creation(
            number,
            50 - (number % 40) as i64,
            &products,
            1 + (number % 9) as i64,
        );
        let order = order_of(&append);
        let (id, state) = (*order.state.id.as_uuid(), &order.state);
        let event = &append.events[0].1;
        sqlx::query(
            "INSERT INTO journal (shard, position, entity_id, version, event_id, event_type, payload, command_id)
             VALUES (?, ?, ?, 1, ?, ?, ?, ?)",
        )
        .bind(append.lease.shard.0)
        .bind(1_000 + number as i64)
        .bind(id)
        .bind(id)
        .bind(event.event_type())
        .bind(event.payload())
        .bind(id)
        .execute(&mut shop.connection)
        .await
        .expect("an event");
        sqlx::query(
            "INSERT INTO customer_order (id, version, created_at, account_id, status, total_minor, currency, lines)
             VALUES (?, 1, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id)
        .bind(state.created_at.as_micros())
        .bind(*state.account_id.as_uuid())
        .bind(state.status.as_str())
        .bind(state.total.minor_units())
        .bind(state.total.currency().code())
        .bind(crate::rows::lines_json(state))
        .execute(&mut shop.connection)
        .await
        .expect("a state row");
        model.insert(state.id, order);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_the_last_release_are_in_all_lists_at_once() {
    let mut shop = Shop::new(CHUNK).await;
    let first = creation(1_000, 1, &[1, 2], 5);
    shop.commit(std::slice::from_ref(&first))
        .await
        .expect("written");
    let mut model = Model::from([(order_of(&first).state.id, order_of(&first))]);
    // Stopped in the middle of a chunk; the last release takes over.
    shop.batches = None;
    // More than this version ever leaves behind.
    write_as_last_release(&mut shop, &mut model, 0..100).await;
    assert_eq!(shop.progress().await.behind, 101);
    require_equal(&shop, &model, "before this version runs").await;
    shop.reopen().await;
    require_equal(&shop, &model, "after its start").await;
    let progress = shop.progress().await;
    assert_eq!((progress.behind, progress.listed), (0, (202, 101)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn catching_up_goes_on_beside_batches() {
    let mut shop = Shop::new(CHUNK).await;
    let mut model = Model::new();
    write_as_last_release(&mut shop, &mut model, 0..200).await;
    shop.batches.as_mut().expect("open").forget_listed().await;
    let mut behind = vec![];
    for number in 1_000..1_010 {
        let append = creation(number, 3, &[1], 5);
        shop.commit(std::slice::from_ref(&append))
            .await
            .expect("written");
        model.insert(order_of(&append).state.id, order_of(&append));
        require_equal(&shop, &model, "while it catches up").await;
        behind.push(shop.progress().await.behind);
    }
    // Some 64 rows a batch, and then chunks of orders that it has seen itself.
    assert_eq!(behind, [137, 74, 11, 1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn place_beyond_the_journal_hides_no_order() {
    for orders in [0, 3] {
        let mut shop = Shop::new(CHUNK).await;
        let mut model = Model::new();
        write_as_last_release(&mut shop, &mut model, 0..orders).await;
        sqlx::query("UPDATE order_listing SET listed_to = 1000")
            .execute(&mut shop.connection)
            .await
            .expect("planted");
        shop.reopen().await;
        let append = creation(1_000, 3, &[1], 5);
        shop.commit(std::slice::from_ref(&append))
            .await
            .expect("written");
        model.insert(order_of(&append).state.id, order_of(&append));
        require_equal(&shop, &model, "after a restart").await;
    }
}

/// The rowid and the event of each row of the journal.
async fn journal(shop: &mut Shop, file: &str) -> Vec<(i64, String)> {
    let statement = format!("SELECT rowid, hex(event_id) FROM {file}.journal ORDER BY rowid");
    let rows = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut shop.connection);
    let rows = rows.await.expect("reads");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vacuum_keeps_the_rows_of_the_journal() {
    let mut shop = Shop::new(1_000).await;
    for number in 0..60 {
        let append = creation(number, 3, &[1], 5);
        shop.commit(&[append]).await.expect("written");
    }
    let before = journal(&mut shop, "main").await;
    let numbers: Vec<i64> = before.iter().map(|(row, _)| *row).collect();
    assert_eq!(numbers, (1..=60).collect::<Vec<i64>>());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join("copy.db");
    let copy = copy.to_str().expect("UTF-8");
    for statement in [
        "VACUUM".to_owned(),
        format!("VACUUM INTO '{copy}'"),
        format!("ATTACH '{copy}' AS copy"),
    ] {
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut shop.connection);
        done.await.expect("done");
    }
    for file in ["main", "copy"] {
        let after = journal(&mut shop, file).await;
        assert!(after == before, "{file}");
    }
}
