//! Fills a database with many orders, so that a large database can be measured at once: the server
//! generates the rows that the committer would have written. All invariants hold for them.

use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use uuid::Uuid;

use crate::server::{DatabaseError, Server};

/// Consecutive orders belong to consecutive accounts. So the number of a round and an account's
/// place among those of its shard determine a position.
///
/// One row per order: round and account, two products, time, id and command. `$1` is the number of
/// previous rounds, `$2` the number of new ones, `$3` whether orders have idempotency keys; `$4` is
/// the time of the first order, and `$5` the interval between two, both in microseconds.
const ORDERS: &str = "
WITH shards AS (SELECT value::int AS count FROM meta WHERE name = 'shards'),
accounts AS MATERIALIZED (
    SELECT id, right(id::text, 4) AS slot, shard, row_number() OVER (ORDER BY id) - 1 AS number,
        row_number() OVER (PARTITION BY shard ORDER BY id) AS place, count(*) OVER (PARTITION BY shard) AS in_shard
    FROM (SELECT id, (get_byte(uuid_send(id), 14) * 256 + get_byte(uuid_send(id), 15)) % count AS shard
        FROM account, shards WHERE NOT closed) AS routed
),
products AS MATERIALIZED (
    SELECT id, name, price_minor, version, row_number() OVER (ORDER BY id) - 1 AS number FROM product
    WHERE NOT withdrawn AND currency = 'USD'
),
counts AS (SELECT (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM products) AS products),
base AS MATERIALIZED (SELECT shard, max(position) AS position FROM journal GROUP BY shard),
numbered AS (
    SELECT a.*, round, round * counts.accounts + a.number AS n, counts.products AS products
    FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) AS round, accounts AS a, counts
),
made AS (
    SELECT m.*, $4::bigint + n * $5::bigint AS at,
        CASE WHEN $3 THEN substr(hash, 1, 12) || '8' || substr(hash, 13, 3) || '8' || substr(hash, 16, 11)
            ELSE lpad(to_hex(($4::bigint + n * $5::bigint) / 1000), 12, '0') || '7' || substr(hash, 13, 3) || '8'
                || lpad(to_hex(n), 11, '0') END AS head
    FROM (SELECT *, md5(n::text) AS hash FROM numbered) AS m
),
filled AS (
    SELECT m.shard, base.position + (m.round - $1::bigint) * m.in_shard + m.place AS position,
        (m.head || m.slot)::uuid AS id, (m.head || right(m.hash, 4))::uuid AS command, m.id AS account_id, m.at, m.hash,
        1 + n % 3 AS some, 2 * first.price_minor * (1 + n % 3) + second.price_minor AS total,
        format('[{\"product_id\":\"%s\",\"product_version\":%s,\"name\":%s,\"unit_price_minor\":%s,\"quantity\":%s},\
{\"product_id\":\"%s\",\"product_version\":%s,\"name\":%s,\"unit_price_minor\":%s,\"quantity\":1}]',
            first.id, first.version, to_json(first.name), first.price_minor, 2 * (1 + n % 3),
            second.id, second.version, to_json(second.name), second.price_minor) AS lines
    FROM made AS m
    JOIN products AS first ON first.number = m.n % m.products
    JOIN products AS second ON second.number = (m.n + 1 + m.round % (m.products - 1)) % m.products
    JOIN base ON base.shard = m.shard
)
";

const JOURNAL: &str = "
INSERT INTO journal (shard, position, entity_id, version, event_id, event_type, payload, command_id, fingerprint)
SELECT shard, position, id, 1, gen_random_uuid(), 'order.created',
    format('{\"order_id\":\"%s\",\"account_id\":\"%s\",\"lines\":%s,\"total\":{\"minor\":%s,\"currency\":\"USD\"},\"at\":%s}',
        id, account_id, lines, total, at)::json,
    command, CASE WHEN $3 THEN decode(hash, 'hex') END
FROM filled";

const STATES: &str = "
INSERT INTO customer_order (id, version, created_at, account_id, status, total_minor, currency, lines, creation_key)
SELECT id, 1, at, account_id, 'created', total, 'USD', lines::json, CASE WHEN $3 THEN command END
FROM filled";

/// The time of the first order, in microseconds since the Unix epoch: long enough ago for many
/// orders.
const FIRST_AT: i64 = 1_700_000_000_000_000;
/// Microseconds between two orders: those of a busy shop.
const INTERVAL_US: i64 = 200;
/// Maximum of orders in one transaction, in whole rounds.
const ORDERS_PER_TRANSACTION: i64 = 250_000;

/// Adds at least this number of orders with two lines, for the open accounts and of the products in
/// dollars, of which there must be at least two. Returns the number of added orders. The database
/// must not be in use meanwhile.
///
/// # Errors
/// [`DatabaseError`] when the server cannot be reached or a statement fails.
pub async fn seed_orders(url: &str, orders: u64, keyed: bool) -> Result<u64, DatabaseError> {
    let server = Server::new(url)?;
    let failed = |failure: sqlx::Error| server.failed(&failure);
    let mut connection = server.connect("fritzy bench").await?;
    // The planner has no statistics about intermediate results, nor about accounts that were just
    // created: with nested loops it would compare each order with each account and each product.
    let unlimited =
        "SET statement_timeout = 0; SET synchronous_commit = off; SET enable_nestloop = off;
        ANALYZE account; ANALYZE product; ANALYZE journal";
    let set = sqlx::raw_sql(unlimited).execute(&mut connection).await;
    set.map_err(failed)?;
    let counts =
        sqlx::query("SELECT (SELECT count(*) FROM account WHERE NOT closed), (SELECT count(*) FROM customer_order)")
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
    let accounts: i64 = counts.try_get(0).map_err(failed)?;
    let before: i64 = counts.try_get(1).map_err(failed)?;
    assert!(accounts > 0, "accounts must exist before orders");
    let rounds_of = |orders: u64| orders.div_ceil(accounts.cast_unsigned()).cast_signed();
    let rounds = rounds_of(orders);
    // Rounded up, so that no number of an existing order is used again.
    let first = rounds_of(before.cast_unsigned());
    let mut done = 0;
    while done < rounds {
        let rounds = (ORDERS_PER_TRANSACTION / accounts)
            .max(1)
            .min(rounds - done);
        fill(&mut connection, first + done, rounds, keyed)
            .await
            .map_err(failed)?;
        done += rounds;
    }
    // The server would do this later by itself, during a measurement.
    let vacuumed = sqlx::raw_sql("VACUUM ANALYZE")
        .execute(&mut connection)
        .await;
    vacuumed.map_err(failed)?;
    let checkpoint = sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await;
    checkpoint.map_err(failed)?;
    let _ = connection.close().await;
    Ok((rounds * accounts).cast_unsigned())
}

async fn fill(
    connection: &mut PgConnection,
    first: i64,
    rounds: i64,
    keyed: bool,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    // States first: both statements derive positions from the journal before this transaction.
    for rows in [STATES, JOURNAL] {
        let statement = format!("{ORDERS}{rows}");
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(first)
            .bind(rounds)
            .bind(keyed)
            .bind(FIRST_AT)
            .bind(INTERVAL_US)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// The kinds of entities that can be sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampled {
    /// Ids from the table `account`.
    Accounts,
    /// Ids from the table `product`.
    Products,
    /// Ids from the table `customer_order`.
    Orders,
}

/// At most `count` ids, in an order that is independent of their age.
///
/// # Errors
/// [`DatabaseError`] when the server cannot be reached or a statement fails.
pub async fn sample_ids(url: &str, of: Sampled, count: u32) -> Result<Vec<Uuid>, DatabaseError> {
    let server = Server::new(url)?;
    let failed = |failure: sqlx::Error| server.failed(&failure);
    let mut connection = server.connect("fritzy bench").await?;
    let unlimited = sqlx::raw_sql("SET statement_timeout = 0");
    unlimited.execute(&mut connection).await.map_err(failed)?;
    let statement = match of {
        Sampled::Accounts => "SELECT id FROM account ORDER BY md5(id::text) LIMIT $1",
        Sampled::Products => "SELECT id FROM product ORDER BY md5(id::text) LIMIT $1",
        Sampled::Orders => "SELECT id FROM customer_order ORDER BY md5(id::text) LIMIT $1",
    };
    let rows = sqlx::query(statement)
        .bind(i64::from(count))
        .fetch_all(&mut connection)
        .await
        .map_err(failed)?;
    let _ = connection.close().await;
    rows.iter()
        .map(|row| row.try_get(0).map_err(failed))
        .collect()
}
