//! Every statement reads the index that is meant for it, and sorts nothing of it.

use fritzy_domain::{OrderFilter, OrderInterval, OrderStatus, TotalRange};
use fritzy_testbed::skip_unless;
use fritzy_types::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

use super::filled::{Address, BUSY, Filled, account, eur, product};
use crate::order_lists::{Dialect, Parameter, Plan, Statement, count, page};

const BY_CREATION: OrderInterval = OrderInterval::Creation {
    after: None,
    before: None,
};
const BY_TOTAL: OrderInterval = OrderInterval::Total {
    after: None,
    before: None,
};

/// A filter and a sort order, and the index that must serve them.
fn cases() -> Vec<(OrderFilter, OrderInterval, &'static str)> {
    let of = |change: fn(&mut OrderFilter)| {
        let mut filter = OrderFilter::default();
        change(&mut filter);
        filter
    };
    let euros = |filter: &mut OrderFilter| filter.totals = Some(TotalRange::all(eur()));
    vec![
        (of(|_| {}), BY_CREATION, "customer_order_by_age"),
        (
            of(|it| it.created_from = Some(Timestamp::from_micros(9_000))),
            BY_CREATION,
            "customer_order_by_age",
        ),
        (of(euros), BY_CREATION, "customer_order_by_age"),
        (
            of(|it| it.statuses = Some(vec![OrderStatus::Created])),
            BY_CREATION,
            "customer_order_by_status",
        ),
        (
            of(|it| it.statuses = Some(OrderStatus::ALL[..3].to_vec())),
            BY_CREATION,
            "customer_order_by_status",
        ),
        (
            of(|it| {
                it.statuses = Some(OrderStatus::ALL[2..].to_vec());
                it.totals = Some(TotalRange::all(eur()));
            }),
            BY_CREATION,
            "customer_order_by_status",
        ),
        (
            of(|it| it.account = Some(account(BUSY))),
            BY_CREATION,
            "customer_order_by_account",
        ),
        (
            of(|it| {
                it.account = Some(account(BUSY));
                it.product = Some(product(BUSY));
            }),
            BY_CREATION,
            "customer_order_by_account",
        ),
        (
            of(|it| it.product = Some(product(3))),
            BY_CREATION,
            "order_line",
        ),
        (
            of(|it| {
                it.product = Some(product(BUSY));
                it.statuses = Some(vec![OrderStatus::Created]);
            }),
            BY_CREATION,
            "order_line",
        ),
        (of(|_| {}), BY_TOTAL, "customer_order_by_total"),
        (of(euros), BY_TOTAL, "customer_order_by_total"),
        (
            of(|it| it.account = Some(account(3))),
            BY_TOTAL,
            "customer_order_by_total",
        ),
    ]
}

/// The statements of a case: pages from both ends, and the count of a list by creation.
fn statements(filter: &OrderFilter, interval: OrderInterval, dialect: Dialect) -> Vec<Statement> {
    let plan = Plan::of(filter, interval).expect("some orders");
    let mut statements = vec![
        page(&plan, 101, false, dialect),
        page(&plan, 101, true, dialect),
    ];
    if Plan::for_count(filter).as_ref() == Some(&plan) {
        statements.push(count(&plan, dialect));
    }
    statements
}

macro_rules! explained {
    ($connection:expr, $explain:literal, $statement:expr) => {{
        let text = format!("{} {}", $explain, $statement.text);
        let mut query = sqlx::query(AssertSqlSafe(text));
        for parameter in &$statement.parameters {
            query = match *parameter {
                Parameter::Int(value) => query.bind(value),
                Parameter::Id(value) => query.bind(value),
                Parameter::Text(value) => query.bind(value),
            };
        }
        query.fetch_all($connection).await.expect("explained")
    }};
}

#[tokio::test]
async fn postgres_order_lists_read_their_index_unsorted() {
    let filled = skip_unless!(Filled::postgres().await);
    let Address::Postgres(url) = &filled.address else {
        panic!("another store")
    };
    let mut connection = PgConnection::connect(url).await.expect("connects");
    for (filter, interval, index) in cases() {
        for statement in statements(&filter, interval, Dialect::Postgres) {
            let rows = explained!(&mut connection, "EXPLAIN", statement);
            let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let plan = lines.join("\n");
            // A key that is a constraint has the name of one.
            let scan = |kind: &str| plan.contains(&format!("{kind} using {index}"));
            let reads = scan("Index Scan") || scan("Index Only Scan");
            let backwards = plan.contains(&format!("Scan Backward using {index}"));
            assert!(reads || backwards, "{filter:?}, {interval:?}\n{plan}");
            for slow in ["Seq Scan", "Sort  (", "Bitmap", "Hash"] {
                assert!(
                    !plan.contains(slow),
                    "{slow}: {filter:?}, {interval:?}\n{plan}"
                );
            }
        }
    }
    filled.stores.close().await;
}

/// A node of a plan of SQLite.
struct Node {
    parent: i64,
    detail: String,
}

impl Node {
    fn of(row: &SqliteRow) -> Self {
        Self {
            parent: row.get("parent"),
            detail: row.get("detail"),
        }
    }
}

#[tokio::test]
async fn sqlite_order_lists_read_their_index_unsorted() {
    let filled = Filled::sqlite().await;
    let Address::Sqlite(folder) = &filled.address else {
        panic!("another store")
    };
    let options = SqliteConnectOptions::new().filename(folder.path().join("fritzy.db"));
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .expect("opens");
    for (filter, interval, index) in cases() {
        for statement in statements(&filter, interval, Dialect::Sqlite) {
            let rows = explained!(&mut connection, "EXPLAIN QUERY PLAN", statement);
            let nodes: Vec<Node> = rows.iter().map(Node::of).collect();
            let lines: Vec<&str> = nodes.iter().map(|node| &*node.detail).collect();
            let plan = lines.join("\n");
            let reads = match index {
                // Their keys are the tables.
                "order_line" => {
                    plan.contains("SEARCH order_line USING PRIMARY KEY (product_id=? AND (created")
                }
                "customer_order_by_total" => {
                    plan.contains("SEARCH order_total USING PRIMARY KEY ((currency,total_minor")
                }
                _ => plan.contains(&format!("INDEX {index}")),
            };
            assert!(reads, "{filter:?}, {interval:?}\n{plan}");
            let scans = lines.iter().any(|line| {
                let of_table = ["customer_order", "order_line", "order_total", "o", "j"]
                    .iter()
                    .any(|table| line.split(' ').take(2).eq(["SCAN", table]));
                of_table && !line.contains("INDEX")
            });
            assert!(!scans, "{filter:?}, {interval:?}\n{plan}");
            // What is not in a table yet is sorted, and nothing else.
            let sorted = nodes
                .iter()
                .filter(|node| node.detail.contains("TEMP B-TREE"));
            for sort in sorted {
                let mut beside = nodes.iter().filter(|node| node.parent == sort.parent);
                let behind = "SEARCH j USING INTEGER PRIMARY KEY (rowid>?)";
                let is_short = beside.any(|node| node.detail == behind);
                assert!(is_short, "{filter:?}, {interval:?}\n{plan}");
            }
        }
    }
    filled.stores.close().await;
}
