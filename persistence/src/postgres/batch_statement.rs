//! A batch as one statement: the fence, the journal rows and the state rows, all or nothing.
//!
//! One statement that commits by itself needs one round trip, and a stopped process leaves no open
//! transaction behind. Rows are bound as one array for each column, so the text depends only on
//! which kinds of state are in the batch, and stays prepared.

use fritzy_domain::{Account, Append, Order, Product};
use fritzy_types::ShardLease;
use sqlx::{Postgres, QueryBuilder};

use super::annotated_rows::{annotated_accounts, annotated_orders, annotated_products};
use super::batch_states::{Row, States};
use super::unnest::Unnest;
use crate::committer::{Sequenced, creation_key};
use crate::rows::{lines_json, micros, signed, version};

/// The statement that writes a batch under `leases`, which are in ascending order of shards.
///
/// It returns one row: the shards whose lease is the newest (`held`). When one is missing, nothing
/// was written. When a changed state is not at the version it was decided on, the statement fails
/// with a division by zero.
pub(super) fn batch_statement(
    batch: &[Sequenced<'_>],
    leases: &[ShardLease],
) -> QueryBuilder<Postgres> {
    let mut statement = Statement(QueryBuilder::new("WITH "));
    statement.fence(leases);
    statement.events(batch);
    let states = States::of(batch);
    statement.new_accounts(&states.new_accounts);
    statement.new_products(&states.new_products);
    statement.order_lines(&states);
    statement.new_orders(states.new_orders);
    let mut checks = Vec::new();
    // Before the changes that claim nothing: a claim that waits for one of those holds nothing that
    // they still need.
    if check(&states.annotated_accounts, "annotated_account", &mut checks) {
        annotated_accounts(&mut statement.0, &states.annotated_accounts);
    }
    if check(&states.annotated_products, "annotated_product", &mut checks) {
        annotated_products(&mut statement.0, &states.annotated_products);
    }
    if check(&states.annotated_orders, "annotated_order", &mut checks) {
        annotated_orders(&mut statement.0, &states.annotated_orders);
    }
    statement.changed_accounts(&states.changed_accounts, &mut checks);
    statement.changed_products(&states.changed_products, &mut checks);
    statement.changed_orders(&states.changed_orders, &mut checks);
    statement.result(&checks);
    statement.0
}

/// The number of rows that a part of the statement must change.
struct Check {
    part: &'static str,
    rows: i64,
}

struct Statement(QueryBuilder<Postgres>);

impl Statement {
    fn text(&mut self, text: &'static str) {
        self.0.push(text);
    }

    fn rows<'s, 'r, R>(&'s mut self, rows: &'r [R]) -> Unnest<'s, 'r, R> {
        Unnest::new(&mut self.0, rows)
    }

    /// Adds rows that begin with id and version.
    fn states<'s, 'r, 'a, T>(&'s mut self, rows: &'r [Row<'a, T>]) -> Unnest<'s, 'r, Row<'a, T>> {
        self.rows(rows)
            .column("uuid[]", |(n, _)| *n.append.entity.as_uuid())
            .column("int8[]", |(n, _)| version(n))
    }

    fn fence(&mut self, leases: &[ShardLease]) {
        // Locked in ascending order, like every claim does. A claim waits for this statement to
        // end. A statement that had to wait for a claim reads the row again, and finds its lease
        // replaced.
        self.text(
            "held AS MATERIALIZED (
                SELECT shard.shard FROM shard JOIN unnest(",
        );
        self.rows(leases)
            .column("int2[]", |lease| small(lease.shard.0))
            .column("uuid[]", |lease| *lease.owner.as_uuid())
            .column("int8[]", |lease| signed(lease.epoch.0));
        self.text(
            ") AS lease (shard, owner, epoch)
                    ON shard.shard = lease.shard AND shard.owner = lease.owner AND shard.epoch = lease.epoch
                ORDER BY shard.shard FOR SHARE OF shard
            ), fence AS MATERIALIZED (SELECT count(*) = ",
        );
        self.0.push_bind(signed(leases.len() as u64));
        self.text(" AS holds FROM held)");
    }

    fn events(&mut self, batch: &[Sequenced<'_>]) {
        let rows: Vec<_> = batch
            .iter()
            .flat_map(|sequenced| {
                let events = sequenced.append.events.iter().enumerate();
                events.map(move |(offset, event)| (sequenced, offset as u64, event))
            })
            .collect();
        self.text(
            ", written AS (
                INSERT INTO journal (shard, position, entity_id, version, event_id, event_type, payload,
                    command_id, fingerprint)
                SELECT e.shard, e.position, e.entity_id, e.version, e.event_id, e.event_type,
                    e.payload::json, e.command_id, e.fingerprint
                FROM fence, unnest(",
        );
        self.rows(&rows)
            .column("int2[]", |(n, _, _)| small(n.append.lease.shard.0))
            .column("int8[]", |(n, offset, _)| signed(n.first + offset))
            .column("uuid[]", |(n, _, _)| *n.append.entity.as_uuid())
            .column("int8[]", |(n, offset, _)| {
                signed(n.append.expected_version + 1 + offset)
            })
            .column("uuid[]", |(_, _, (id, _))| *id.as_uuid())
            .column("text[]", |(_, _, (_, event))| event.event_type())
            .column("text[]", |(_, _, (_, event))| event.payload())
            .column("uuid[]", |(n, _, _)| *n.append.command.as_uuid())
            .column("bytea[]", |(n, _, _)| fingerprint(n.append));
        self.text(
            ") AS e (shard, position, entity_id, version, event_id, event_type, payload, command_id,
                    fingerprint)
                WHERE fence.holds
            )",
        );
    }

    fn new_accounts(&mut self, rows: &[Row<'_, Account>]) {
        if rows.is_empty() {
            return;
        }
        self.text(
            ", new_account AS (
                INSERT INTO account (id, version, created_at, name)
                SELECT s.id, s.version, s.created_at, s.name FROM fence, unnest(",
        );
        self.states(rows)
            .column("int8[]", |(_, account)| micros(account.created_at))
            .column("text[]", |(_, account)| account.personal.name.as_str());
        self.text(") AS s (id, version, created_at, name) WHERE fence.holds)");
    }

    fn new_products(&mut self, rows: &[Row<'_, Product>]) {
        if rows.is_empty() {
            return;
        }
        self.text(
            ", new_product AS (
                INSERT INTO product (id, version, created_at, name, description, price_minor, currency)
                SELECT s.id, s.version, s.created_at, s.name, s.description, s.price_minor, s.currency
                FROM fence, unnest(",
        );
        self.states(rows)
            .column("int8[]", |(_, product)| micros(product.created_at))
            .column("text[]", |(_, product)| product.name.as_str())
            .column("text[]", |(_, product)| product.description.as_str())
            .column("int8[]", |(_, product)| product.price.minor_units())
            .column("text[]", |(_, product)| product.price.currency().code());
        self.text(
            ") AS s (id, version, created_at, name, description, price_minor, currency)
                WHERE fence.holds)",
        );
    }

    /// Inserts orders in the order of their keys: two committers that write the same keys wait for
    /// each other instead of deadlocking.
    fn new_orders(&mut self, mut rows: Vec<Row<'_, Order>>) {
        if rows.is_empty() {
            return;
        }
        rows.sort_by_key(|(sequenced, _)| creation_key(sequenced.append));
        self.text(
            ", new_order AS (
                INSERT INTO customer_order (id, version, created_at, account_id, status, total_minor,
                    currency, lines, cancel_reason, creation_key)
                SELECT s.id, s.version, s.created_at, s.account_id, s.status, s.total_minor, s.currency,
                    s.lines::json, s.cancel_reason, s.creation_key
                FROM fence, unnest(",
        );
        self.states(&rows)
            .column("int8[]", |(_, order)| micros(order.created_at))
            .column("uuid[]", |(_, order)| *order.account_id.as_uuid())
            .column("text[]", |(_, order)| order.status.as_str())
            .column("int8[]", |(_, order)| order.total.minor_units())
            .column("text[]", |(_, order)| order.total.currency().code())
            .column("text[]", |(_, order)| lines_json(order))
            .column("text[]", |(_, order)| order.cancel_reason.as_deref())
            .column("uuid[]", |(n, _)| creation_key(n.append));
        self.text(
            ") AS s (id, version, created_at, account_id, status, total_minor, currency, lines,
                    cancel_reason, creation_key)
                WHERE fence.holds)",
        );
    }

    /// Adds the products of new orders, in the order of the table's key. The trigger does it for
    /// nodes of the last release; it parses each order again, at twice the cost.
    fn order_lines(&mut self, states: &States<'_>) {
        let annotated = states.annotated_orders.iter();
        let annotated = annotated.filter(|(sequenced, _)| sequenced.append.expected_version == 0);
        let rows = states.new_orders.iter().chain(annotated);
        let rows = rows.flat_map(|(_, order)| {
            let lines = order.lines.iter();
            lines.map(|line| (line.product_id, order.created_at, order.id))
        });
        let mut rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            return;
        }
        rows.sort_unstable();
        self.text(
            ", order_lines AS (
                INSERT INTO order_line (product_id, created_at, order_id)
                SELECT s.product_id, s.created_at, s.order_id FROM fence, unnest(",
        );
        self.rows(&rows)
            .column("uuid[]", |(product, _, _)| *product.as_uuid())
            .column("int8[]", |(_, created_at, _)| micros(*created_at))
            .column("uuid[]", |(_, _, order)| *order.as_uuid());
        self.text(") AS s (product_id, created_at, order_id) WHERE fence.holds)");
    }

    fn changed_accounts(&mut self, rows: &[Row<'_, Account>], checks: &mut Vec<Check>) {
        if !check(rows, "changed_account", checks) {
            return;
        }
        self.text(
            ", changed_account AS (
                UPDATE account SET name = s.name, closed = s.closed, version = s.version FROM fence, unnest(",
        );
        self.states(rows)
            .column("int8[]", |(n, _)| signed(n.append.expected_version))
            .column("text[]", |(_, account)| account.personal.name.as_str())
            .column("boolean[]", |(_, account)| account.closed);
        self.text(
            ") AS s (id, version, after, name, closed)
                WHERE fence.holds AND account.id = s.id AND account.version = s.after RETURNING 1)",
        );
    }

    fn changed_products(&mut self, rows: &[Row<'_, Product>], checks: &mut Vec<Check>) {
        if !check(rows, "changed_product", checks) {
            return;
        }
        self.text(
            ", changed_product AS (
                UPDATE product SET name = s.name, description = s.description, price_minor = s.price_minor,
                    currency = s.currency, withdrawn = s.withdrawn, version = s.version
                FROM fence, unnest(",
        );
        self.states(rows)
            .column("int8[]", |(n, _)| signed(n.append.expected_version))
            .column("text[]", |(_, product)| product.name.as_str())
            .column("text[]", |(_, product)| product.description.as_str())
            .column("int8[]", |(_, product)| product.price.minor_units())
            .column("text[]", |(_, product)| product.price.currency().code())
            .column("boolean[]", |(_, product)| product.withdrawn);
        self.text(
            ") AS s (id, version, after, name, description, price_minor, currency, withdrawn)
                WHERE fence.holds AND product.id = s.id AND product.version = s.after RETURNING 1)",
        );
    }

    fn changed_orders(&mut self, rows: &[Row<'_, Order>], checks: &mut Vec<Check>) {
        if !check(rows, "changed_order", checks) {
            return;
        }
        self.text(
            ", changed_order AS (
                UPDATE customer_order SET status = s.status, cancel_reason = s.cancel_reason,
                    version = s.version
                FROM fence, unnest(",
        );
        self.states(rows)
            .column("int8[]", |(n, _)| signed(n.append.expected_version))
            .column("text[]", |(_, order)| order.status.as_str())
            .column("text[]", |(_, order)| order.cancel_reason.as_deref());
        self.text(
            ") AS s (id, version, after, status, cancel_reason)
                WHERE fence.holds AND customer_order.id = s.id AND customer_order.version = s.after
                RETURNING 1)",
        );
    }

    fn result(&mut self, checks: &[Check]) {
        self.text(" SELECT (SELECT array_agg(shard) FROM held) AS held");
        for check in checks {
            self.text(", 1 / (CASE WHEN NOT fence.holds OR (SELECT count(*) FROM ");
            self.text(check.part);
            self.text(") = ");
            self.0.push_bind(check.rows);
            self.text(" THEN 1 ELSE 0 END)");
        }
        self.text(" FROM fence");
    }
}

/// Requires that a part changes each of its rows. Returns `false` when it has none.
fn check<T>(rows: &[Row<'_, T>], part: &'static str, checks: &mut Vec<Check>) -> bool {
    if rows.is_empty() {
        return false;
    }
    let rows = signed(rows.len() as u64);
    checks.push(Check { part, rows });
    true
}

fn fingerprint(append: &Append) -> Option<&[u8]> {
    append
        .fingerprint
        .as_ref()
        .map(|fingerprint| &fingerprint.0[..])
}

/// A shard as PostgreSQL stores it: shards stay below 32 768.
pub(super) fn small(shard: u16) -> i16 {
    shard.cast_signed()
}
