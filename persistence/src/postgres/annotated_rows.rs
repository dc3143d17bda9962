//! The parts of a batch's statement that write external references and metadata: state rows, new and
//! changed alike, in the order of their references.
//!
//! Two committers that claim the same references touch the unique index in the same order, and so
//! wait for each other instead of deadlocking. Changed rows are therefore inserted, too, and become
//! updates where they exist. Most batches have no such part.

use fritzy_domain::{Account, Annotations, Order, Product};
use sqlx::{Postgres, QueryBuilder};

use super::batch_states::Row;
use super::unnest::Unnest;
use crate::committer::creation_key;
use crate::rows::{lines_json, metadata_json, micros, reference_text, signed, version};

/// Adds rows that begin with id, version and the version before, and then have the annotations.
fn rows<'s, 'r, 'a, T>(
    statement: &'s mut QueryBuilder<Postgres>,
    rows: &'r [Row<'a, T>],
    annotations: fn(&T) -> &Annotations,
) -> Unnest<'s, 'r, Row<'a, T>> {
    Unnest::new(statement, rows)
        .column("uuid[]", |(n, _)| *n.append.entity.as_uuid())
        .column("int8[]", |(n, _)| version(n))
        .column("int8[]", |(n, _)| signed(n.append.expected_version))
        .column("text[]", |(_, state)| reference_text(annotations(state)))
        .column("text[]", |(_, state)| metadata_json(annotations(state)))
}

/// Adds the part `annotated_account`, which returns a row for each row written.
pub(super) fn annotated_accounts(
    statement: &mut QueryBuilder<Postgres>,
    accounts: &[Row<'_, Account>],
) {
    statement.push(", annotated_account_row AS MATERIALIZED (SELECT * FROM unnest(");
    rows(statement, accounts, |account| &account.annotations)
        .column("int8[]", |(_, account)| micros(account.created_at))
        .column("text[]", |(_, account)| account.personal.name.as_str())
        .column("boolean[]", |(_, account)| account.closed);
    statement.push(
        ") AS s (id, version, after, external_reference, metadata, created_at, name, closed)
        ), annotated_account AS (
            INSERT INTO account AS old (id, version, created_at, name, closed, external_reference, metadata)
            SELECT s.id, s.version, s.created_at, s.name, s.closed, s.external_reference, s.metadata::json
            FROM fence, annotated_account_row AS s WHERE fence.holds
            ORDER BY s.external_reference COLLATE \"C\"
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, name = excluded.name,
                closed = excluded.closed, external_reference = excluded.external_reference,
                metadata = excluded.metadata
            WHERE old.version = (SELECT s.after FROM annotated_account_row AS s WHERE s.id = old.id)
            RETURNING 1)",
    );
}

/// Adds the part `annotated_product`, which returns a row for each row written.
pub(super) fn annotated_products(
    statement: &mut QueryBuilder<Postgres>,
    products: &[Row<'_, Product>],
) {
    statement.push(", annotated_product_row AS MATERIALIZED (SELECT * FROM unnest(");
    rows(statement, products, |product| &product.annotations)
        .column("int8[]", |(_, product)| micros(product.created_at))
        .column("text[]", |(_, product)| product.name.as_str())
        .column("text[]", |(_, product)| product.description.as_str())
        .column("int8[]", |(_, product)| product.price.minor_units())
        .column("text[]", |(_, product)| product.price.currency().code())
        .column("boolean[]", |(_, product)| product.withdrawn);
    statement.push(
        ") AS s (id, version, after, external_reference, metadata, created_at, name, description, price_minor,
                currency, withdrawn)
        ), annotated_product AS (
            INSERT INTO product AS old (id, version, created_at, name, description, price_minor, currency,
                withdrawn, external_reference, metadata)
            SELECT s.id, s.version, s.created_at, s.name, s.description, s.price_minor, s.currency, s.withdrawn,
                s.external_reference, s.metadata::json
            FROM fence, annotated_product_row AS s WHERE fence.holds
            ORDER BY s.external_reference COLLATE \"C\"
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, name = excluded.name,
                description = excluded.description, price_minor = excluded.price_minor,
                currency = excluded.currency, withdrawn = excluded.withdrawn,
                external_reference = excluded.external_reference, metadata = excluded.metadata
            WHERE old.version = (SELECT s.after FROM annotated_product_row AS s WHERE s.id = old.id)
            RETURNING 1)",
    );
}

/// Adds the part `annotated_order`, which returns a row for each row written.
pub(super) fn annotated_orders(statement: &mut QueryBuilder<Postgres>, orders: &[Row<'_, Order>]) {
    statement.push(", annotated_order_row AS MATERIALIZED (SELECT * FROM unnest(");
    rows(statement, orders, |order| &order.annotations)
        .column("int8[]", |(_, order)| micros(order.created_at))
        .column("uuid[]", |(_, order)| *order.account_id.as_uuid())
        .column("text[]", |(_, order)| order.status.as_str())
        .column("int8[]", |(_, order)| order.total.minor_units())
        .column("text[]", |(_, order)| order.total.currency().code())
        .column("text[]", |(_, order)| lines_json(order))
        .column("text[]", |(_, order)| order.cancel_reason.as_deref())
        .column("uuid[]", |(n, _)| creation_key(n.append));
    statement.push(
        ") AS s (id, version, after, external_reference, metadata, created_at, account_id, status, total_minor,
                currency, lines, cancel_reason, creation_key)
        ), annotated_order AS (
            INSERT INTO customer_order AS old (id, version, created_at, account_id, status, total_minor, currency,
                lines, cancel_reason, creation_key, external_reference, metadata)
            SELECT s.id, s.version, s.created_at, s.account_id, s.status, s.total_minor, s.currency,
                s.lines::json, s.cancel_reason, s.creation_key, s.external_reference, s.metadata::json
            FROM fence, annotated_order_row AS s WHERE fence.holds
            ORDER BY s.external_reference COLLATE \"C\", s.creation_key
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, status = excluded.status,
                cancel_reason = excluded.cancel_reason, external_reference = excluded.external_reference,
                metadata = excluded.metadata
            WHERE old.version = (SELECT s.after FROM annotated_order_row AS s WHERE s.id = old.id)
            RETURNING 1)",
    );
}
