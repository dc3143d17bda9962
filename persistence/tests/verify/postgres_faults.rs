//! Faults planted into a database on PostgreSQL: each is reported, and nothing else.

use std::collections::BTreeSet;
use std::process::Output;

use fritzy_testbed::{shared_postgres, skip_unless};
use serde_json::Value;

use crate::workspace::{fill_database, fritzy};

/// A fault: its name, the statements that plant it, and the kinds of violations that must be
/// reported.
type Fault = (&'static str, &'static str, &'static [&'static str]);

const LAST: &str = "(shard, position) = (SELECT shard, max(position) FROM journal GROUP BY shard
    HAVING count(*) > 2 ORDER BY shard LIMIT 1)";

const FAULTS: [Fault; 42] = [
    ("nothing", "SELECT 1", &[]),
    (
        "a gap in positions",
        "UPDATE journal SET position = position + 1 WHERE $last",
        &["position-gap"],
    ),
    (
        "a repeated position",
        "ALTER TABLE journal DROP CONSTRAINT journal_position;
         UPDATE journal SET position = position - 1 WHERE $last",
        &["position-repeated", "schema-differs"],
    ),
    (
        "a gap in versions",
        "UPDATE journal SET version = 4 WHERE version = 3 AND event_type = 'account.renamed';
         UPDATE account SET version = 4 WHERE version = 3",
        &["version-gap"],
    ),
    (
        "an edited event",
        "UPDATE journal SET payload = replace(payload::text, 'Bob', 'Eve')::json WHERE payload::text LIKE '%Bob%'",
        &["state-differs"],
    ),
    (
        "an edited row",
        "UPDATE account SET name = 'Eve' WHERE name = 'Bob'",
        &["state-differs"],
    ),
    (
        "an account closed without an event",
        "UPDATE account SET closed = true WHERE name = 'Bob'",
        &["state-differs"],
    ),
    (
        "a row at another version",
        "UPDATE product SET version = version + 1 WHERE NOT withdrawn",
        &["state-differs"],
    ),
    (
        "a missing row",
        "DELETE FROM customer_order WHERE status = 'cancelled'",
        &["state-missing"],
    ),
    (
        "a row without events",
        "INSERT INTO account (id, version, created_at, name)
         VALUES ('01a2050f-7846-754b-b786-3c7fdeea0000', 1, 0, 'Eve')",
        &["state-without-events"],
    ),
    (
        "a total that is wrong in event and row",
        "UPDATE journal SET payload = replace(payload::text, '4596', '4597')::json
            WHERE event_type = 'order.created' AND entity_id IN
                (SELECT id FROM customer_order WHERE status = 'created' AND creation_key IS NULL);
         UPDATE customer_order SET total_minor = 4597 WHERE status = 'created' AND creation_key IS NULL",
        &["total-wrong"],
    ),
    (
        "another external reference",
        "UPDATE account SET external_reference = 'crm-9' WHERE name = 'Bob'",
        &["state-differs"],
    ),
    (
        "other metadata",
        "UPDATE product SET metadata = '{\"shelf\":\"8\"}' WHERE name = 'Bulb'",
        &["state-differs"],
    ),
    (
        "a shared external reference",
        "DROP INDEX account_by_reference;
         UPDATE account SET external_reference = 'crm-1' WHERE name = 'Cy';
         UPDATE journal SET payload = replace(payload::text, 'crm-2', 'crm-1')::json",
        &["reference-repeated", "schema-differs"],
    ),
    (
        "another key",
        "UPDATE customer_order SET creation_key = gen_random_uuid()
            WHERE status = 'created' AND creation_key IS NOT NULL",
        &["key-differs"],
    ),
    (
        "a repeated event id",
        "UPDATE journal SET event_id = (SELECT event_id FROM journal WHERE event_type = 'product.withdrawn')
            WHERE event_type = 'order.cancelled'",
        &["event-repeated"],
    ),
    (
        "an event of an unknown type",
        "UPDATE journal SET event_type = 'order.vanished' WHERE event_type = 'order.cancelled'",
        &["event-unreadable"],
    ),
    (
        "an event with an empty payload",
        "UPDATE journal SET payload = '{}' WHERE event_type = 'order.cancelled'",
        &["event-unreadable"],
    ),
    (
        "a shard count that is not a number",
        "UPDATE meta SET value = 'many' WHERE name = 'shards'",
        &["shard-count-unreadable"],
    ),
    (
        "events in an unclaimed shard",
        "UPDATE shard SET owner = NULL, epoch = 0 WHERE shard =
            (SELECT shard FROM journal ORDER BY shard LIMIT 1)",
        &["shard-unclaimed"],
    ),
    (
        "shards that their owners released",
        "UPDATE shard SET owner = NULL",
        &[],
    ),
    (
        "a missing index of nodes",
        "DROP INDEX node_by_name",
        &["schema-differs"],
    ),
    (
        "a missing index",
        "DROP INDEX customer_order_by_key",
        &["schema-differs"],
    ),
    (
        "a trigger",
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER meddle BEFORE INSERT ON account FOR EACH ROW EXECUTE FUNCTION meddle()",
        &["schema-differs"],
    ),
    (
        "a completion for another account",
        "UPDATE journal SET payload = jsonb_set(payload::jsonb, '{account_id}',
            to_jsonb((SELECT id::text FROM account WHERE name = 'Bob')))::json WHERE event_type = 'order.completed'",
        &["event-impossible"],
    ),
    (
        "an order without lines in event and row",
        "UPDATE journal SET payload = (payload::jsonb || '{\"lines\": [], \"total\": {\"minor\": 0, \"currency\": \"USD\"}}')::json
            WHERE event_type = 'order.created' AND entity_id IN
                (SELECT id FROM customer_order WHERE status = 'created' AND creation_key IS NULL);
         UPDATE customer_order SET lines = '[]', total_minor = 0 WHERE status = 'created' AND creation_key IS NULL;
         DELETE FROM order_line WHERE order_id IN
            (SELECT id FROM customer_order WHERE status = 'created' AND creation_key IS NULL)",
        &["event-impossible"],
    ),
    (
        "a unique index that may refuse rows",
        "CREATE UNIQUE INDEX one_of_a_name ON account (name, id)",
        &["schema-differs"],
    ),
    (
        "an index for queries",
        "CREATE INDEX by_name ON account (name)",
        &[],
    ),
    (
        "an unlogged table, which a crash empties",
        "ALTER TABLE account SET UNLOGGED",
        &["schema-differs"],
    ),
    (
        "a constraint on a partition of the journal that refuses every row",
        "ALTER TABLE journal_0 ADD CONSTRAINT few CHECK (position < 1) NOT VALID",
        &["schema-differs"],
    ),
    (
        "a constraint between tables",
        "ALTER TABLE customer_order ADD FOREIGN KEY (account_id) REFERENCES account (id)",
        &["schema-differs"],
    ),
    (
        "a required column",
        "ALTER TABLE account ADD COLUMN extra int NOT NULL DEFAULT 1;
         ALTER TABLE account ALTER COLUMN extra DROP DEFAULT",
        &["schema-differs"],
    ),
    (
        "a column of a newer version",
        "ALTER TABLE account ADD COLUMN extra int NOT NULL DEFAULT 1",
        &[],
    ),
    (
        "a missing default",
        "ALTER TABLE account ALTER COLUMN closed DROP DEFAULT",
        &["schema-differs"],
    ),
    (
        "a missing row by product",
        "DELETE FROM order_line WHERE (product_id, order_id) = (SELECT product_id, order_id FROM order_line LIMIT 1)",
        &["line-missing"],
    ),
    (
        "a row by product of an unknown order",
        "INSERT INTO order_line VALUES (gen_random_uuid(), 7, gen_random_uuid())",
        &["line-superfluous"],
    ),
    (
        "a row by product at another time",
        "UPDATE order_line SET created_at = created_at + 1 WHERE (product_id, order_id) =
            (SELECT product_id, order_id FROM order_line LIMIT 1)",
        &["line-missing", "line-superfluous"],
    ),
    (
        "a doubled row by product",
        "ALTER TABLE order_line DROP CONSTRAINT order_line_pkey;
         INSERT INTO order_line SELECT * FROM order_line LIMIT 1",
        &["line-repeated", "schema-differs"],
    ),
    (
        "a missing trigger",
        "DROP TRIGGER add_order_lines ON customer_order",
        &["schema-differs"],
    ),
    (
        "a trigger that does not run",
        "ALTER TABLE customer_order DISABLE TRIGGER add_order_lines",
        &["schema-differs"],
    ),
    (
        "a trigger that does something else",
        "CREATE OR REPLACE FUNCTION add_order_lines() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        &["schema-differs"],
    ),
    (
        "rows hidden by policies",
        "ALTER TABLE account ENABLE ROW LEVEL SECURITY",
        &["schema-differs"],
    ),
];

fn verify(url: &str, arguments: &[&str]) -> Output {
    let mut command = fritzy(&[&["journal", "verify"], arguments].concat());
    command.env("DATABASE_URL", url);
    command.output().expect("the binary starts")
}

/// Returns the name of the database in a URL.
fn name(url: &str) -> &str {
    let path = url.split('?').next().expect("a first part");
    path.rsplit('/').next().expect("a last part")
}

#[test]
fn each_planted_fault_is_the_only_one_reported() {
    let server = skip_unless!(shared_postgres());
    let base = server.fresh_database().expect("a database");
    fill_database(&base);
    for (fault, plant, expected) in FAULTS {
        let copy = format!("{}_copy", name(&base));
        let made = format!("CREATE DATABASE {copy} TEMPLATE {}", name(&base));
        server.psql(&made).expect("a copy");
        let url = base.replace(name(&base), &copy);
        let plant = plant.replace("$last", LAST);
        server.psql_on(&copy, &plant).expect(fault);
        let output = verify(&url, &["--json"]);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|failure| panic!("{fault}: {failure}: {output:?}"));
        let violations = report["violations"].as_array().expect("a list");
        let kinds: BTreeSet<&str> = violations
            .iter()
            .map(|violation| violation["kind"].as_str().expect("a text"))
            .collect();
        assert_eq!(
            kinds,
            expected.iter().copied().collect(),
            "{fault}: {report:#}"
        );
        let code = i32::from(!expected.is_empty());
        assert_eq!(output.status.code(), Some(code), "{fault}: {output:?}");
        assert_eq!(report["checked"]["events"], 20, "{fault}: {report}");
        server
            .psql(&format!("DROP DATABASE {copy}"))
            .expect("dropped");
    }
}

#[test]
fn unverifiable_database_is_reported_in_one_line() {
    let server = skip_unless!(shared_postgres());
    let foreign = server.fresh_database().expect("a database");
    let newer = server.fresh_database().expect("a database");
    fill_database(&newer);
    let contract = "UPDATE meta SET value = '900' WHERE name = 'schema_required'";
    server.psql_on(name(&newer), contract).expect("newer");
    let nowhere = foreign.replace(name(&foreign), "nowhere");
    for (url, reason) in [
        (foreign.as_str(), "not a database of fritzy"),
        (newer.as_str(), "newer version"),
        (nowhere.as_str(), "does not exist"),
        ("postgres://me:s3cret@127.0.0.1:1/none", "cannot be reached"),
    ] {
        let output = verify(url, &[]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(output.stdout, b"", "{output:?}");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(reason), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}
