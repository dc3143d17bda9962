//! Databases with many orders, which are written as rows: no test here reads their events.

use std::sync::OnceLock;

use fritzy_domain::{
    AccountId, Annotations, Currency, Money, Order, OrderFilter, OrderId, OrderLine, OrderStatus,
    ProductId, Stored,
};
use fritzy_testbed::{ServiceError, shared_postgres};
use fritzy_types::Timestamp;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{PostgresConfig, SqliteConfig, Stores};

/// Three times what a page looks at.
pub(super) const ORDERS: u128 = 30_000;
/// It has most of the orders.
pub(super) const BUSY: u128 = 1;

/// One database with its orders.
pub(super) struct Filled {
    pub(super) stores: Stores,
    pub(super) address: Address,
}

/// Where the database is, for statements of tests.
pub(super) enum Address {
    Postgres(String),
    Sqlite(TempDir),
}

pub(super) fn account(number: u128) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(number))
}

pub(super) fn product(number: u128) -> ProductId {
    ProductId::from_uuid(Uuid::from_u128(number << 16))
}

pub(super) fn eur() -> Currency {
    Currency::from_code("EUR").expect("EUR")
}

/// Order `n`. Nearly all are completed and in dollars; two thirds are of one account, half have one
/// product.
fn order(n: u128) -> Stored<Order> {
    let number = i64::try_from(n).expect("small");
    let currency = if n % 10_000 == 1 {
        eur()
    } else {
        Currency::USD
    };
    let minor_units = number * 7_919 % 100_000;
    let line = OrderLine {
        product_id: product(if n.is_multiple_of(2) {
            BUSY
        } else {
            2 + n % 50
        }),
        product_version: 1,
        name: "Lamp".into(),
        unit_price_minor: minor_units,
        quantity: 1,
    };
    let status = match n {
        _ if n % 3_000 == 7 => OrderStatus::Created,
        _ if n % 2_000 == 8 => OrderStatus::Confirmed,
        _ if n.is_multiple_of(7) => OrderStatus::Cancelled,
        _ => OrderStatus::Completed,
    };
    let state = Order {
        id: OrderId::from_uuid(Uuid::from_u128(((n * 0x9E37_79B9) % 0xFFFF_FFFF) << 64 | n)),
        account_id: account(if n.is_multiple_of(3) {
            2 + n % 100
        } else {
            BUSY
        }),
        created_at: Timestamp::from_micros(number / 2 * 1_000),
        status,
        lines: vec![line],
        total: Money::from_minor_units(minor_units, currency).expect("in range"),
        cancel_reason: None,
        annotations: Annotations::default(),
    };
    Stored { version: 1, state }
}

/// All orders, in no particular order.
pub(super) fn all() -> &'static [Stored<Order>] {
    static ALL: OnceLock<Vec<Stored<Order>>> = OnceLock::new();
    ALL.get_or_init(|| (0..ORDERS).map(order).collect())
}

/// The orders that a filter admits.
pub(super) fn admitted(filter: &OrderFilter) -> Vec<Stored<Order>> {
    let all = all().iter();
    all.filter(|order| filter.matches(&order.state))
        .cloned()
        .collect()
}

/// The rows as JSON.
fn rows() -> String {
    let row = |order: &Stored<Order>| {
        let order = &order.state;
        json!({
            "id": order.id.to_string(),
            "created_at": order.created_at.as_micros(),
            "account_id": order.account_id.to_string(),
            "status": order.status.as_str(),
            "total_minor": order.total.minor_units(),
            "currency": order.total.currency().code(),
            "lines": order.lines,
        })
    };
    Value::Array(all().iter().map(row).collect()).to_string()
}

/// Puts the creations into the journal, and most orders into the tables of their lists. The last
/// 3 000 are behind `listed_to`: as a chunk whose first keys are added, and what follows it.
const LISTED: [&str; 4] = [
    "INSERT INTO journal (shard, position, entity_id, version, event_id, event_type, payload, command_id)
     SELECT 0, row_number() OVER (ORDER BY id), id, 1, id, 'order.created',
        json_object('lines', json(lines)), id FROM customer_order ORDER BY id",
    "INSERT INTO order_line (product_id, created_at, order_id)
     SELECT unhex(line.value ->> 'product_id', '-') AS product_id, o.created_at, o.id
     FROM journal AS j JOIN customer_order AS o ON o.id = j.entity_id, json_each(o.lines) AS line
     WHERE j.rowid <= 28000",
    "INSERT INTO order_total (currency, total_minor, order_id)
     SELECT o.currency, o.total_minor, o.id
     FROM journal AS j JOIN customer_order AS o ON o.id = j.entity_id WHERE j.rowid <= 27500",
    "UPDATE order_listing SET listed_to = 27000",
];

impl Filled {
    pub(super) async fn postgres() -> Result<Self, ServiceError> {
        let url = shared_postgres()?.fresh_database().expect("a database");
        let stores = Stores::open_postgres(PostgresConfig::new(&url)).await;
        let mut connection = PgConnection::connect(&url).await.expect("connects");
        let filled = sqlx::query(
            "INSERT INTO customer_order (id, version, created_at, account_id, status, total_minor, currency, lines)
             SELECT (v ->> 'id')::uuid, 1, (v ->> 'created_at')::bigint, (v ->> 'account_id')::uuid,
                v ->> 'status', (v ->> 'total_minor')::bigint, v ->> 'currency', v -> 'lines'
             FROM json_array_elements($1::text::json) AS v",
        );
        filled
            .bind(rows())
            .execute(&mut connection)
            .await
            .expect("filled");
        for statement in ["VACUUM ANALYZE customer_order", "VACUUM ANALYZE order_line"] {
            let done = sqlx::raw_sql(statement).execute(&mut connection).await;
            done.expect("analyzed");
        }
        Ok(Self {
            stores: stores.expect("opens"),
            address: Address::Postgres(url),
        })
    }

    pub(super) async fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("fritzy.db");
        let stores = Stores::open_sqlite(SqliteConfig::new(file.clone())).await;
        let options = SqliteConnectOptions::new().filename(&file);
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .expect("opens");
        let filled = sqlx::query(
            "INSERT INTO customer_order (id, version, created_at, account_id, status, total_minor, currency, lines)
             SELECT unhex(value ->> 'id', '-'), 1, value ->> 'created_at', unhex(value ->> 'account_id', '-'),
                value ->> 'status', value ->> 'total_minor', value ->> 'currency', value -> 'lines'
             FROM json_each(?)",
        );
        filled
            .bind(rows())
            .execute(&mut connection)
            .await
            .expect("filled");
        for statement in LISTED {
            let done = sqlx::query(statement).execute(&mut connection).await;
            done.expect("listed");
        }
        Self {
            stores: stores.expect("opens"),
            address: Address::Sqlite(folder),
        }
    }
}
