//! Scripts for pgbench that write one order per transaction, as a program without a committer
//! would: a baseline.
//!
//! They write rows of the same shape into the same tables. Their omissions are in their favour:
//! they check no lease and make no decision.

/// How pgbench writes one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PgbenchOrder {
    /// Two statements in a transaction: four round trips.
    Transaction,
    /// One autocommitted statement: one round trip, the optimum without group commit.
    Statement,
}

impl PgbenchOrder {
    /// The script, with `;` after each statement.
    ///
    /// The caller sets `number` to the first number of an order, `accounts` to the number of
    /// accounts, and `payload` and `lines` to the JSON of an order; a client's number must be below
    /// 16 384. Ids increase with time and end with the account's slot, as fritzy's do, so that new
    /// rows are adjacent.
    pub const fn script(self) -> &'static str {
        match self {
            Self::Transaction => concat!(
                r"\set number :number + 1
\set account random(0, :accounts - 1)
\set shard :account % 1024
\set position :number * 16384 + :client_id
\set created_at 1790000000000000 + :position
BEGIN;
",
                "INSERT INTO journal (shard, position, entity_id, version, event_id, event_type, payload, command_id)
SELECT :shard::smallint, :position::bigint, id, 1, id, 'order.created', :payload::json, id
FROM (SELECT (lpad(to_hex(:position::bigint), 16, '0') || lpad(to_hex(:account::bigint), 16, '0'))::uuid) AS made (id);
INSERT INTO customer_order (id, version, created_at, account_id, status, total_minor, currency, lines)
SELECT id, 1, :created_at::bigint, account_id, 'created', 4312, 'USD', :lines::json
FROM (SELECT (lpad(to_hex(:position::bigint), 16, '0') || lpad(to_hex(:account::bigint), 16, '0'))::uuid,
    lpad(to_hex(:account::bigint), 32, '0')::uuid) AS made (id, account_id);
COMMIT;
"
            ),
            Self::Statement => concat!(
                r"\set number :number + 1
\set account random(0, :accounts - 1)
\set shard :account % 1024
\set position :number * 16384 + :client_id
\set created_at 1790000000000000 + :position
",
                "WITH made (id, account_id) AS MATERIALIZED (
    SELECT (lpad(to_hex(:position::bigint), 16, '0') || lpad(to_hex(:account::bigint), 16, '0'))::uuid,
        lpad(to_hex(:account::bigint), 32, '0')::uuid
), written AS (
    INSERT INTO journal (shard, position, entity_id, version, event_id, event_type, payload, command_id)
    SELECT :shard::smallint, :position::bigint, id, 1, id, 'order.created', :payload::json, id FROM made
)
INSERT INTO customer_order (id, version, created_at, account_id, status, total_minor, currency, lines)
SELECT id, 1, :created_at::bigint, account_id, 'created', 4312, 'USD', :lines::json FROM made;
"
            ),
        }
    }
}
