//! Who fills `order_line` on PostgreSQL: committers of this release for their orders, the database
//! for those of other programs.

use fritzy_domain::{
    Annotations, AnnotationsInput, Append, Command, OrderCommand, PlaceOrder, ProductId, Quote,
    QuotedLine,
};
use fritzy_persistence::Stores;
use fritzy_testbed::skip_unless;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::fixture::{Fixture, account_id, cents, command_id, node, postgres_config};

/// An order of products 2 and 1.
fn order(fixture: &Fixture, number: u128, annotations: Annotations) -> Append {
    let line = |product: u128| QuotedLine {
        quote: Quote {
            product_id: ProductId::from_uuid(Uuid::from_u128(product)),
            version: 1,
            name: "lamp".into(),
            unit_price: cents(5),
        },
        quantity: 1,
    };
    let place = Command::Order(OrderCommand::Place(PlaceOrder {
        account_id: account_id(1),
        lines: vec![line(2), line(1)],
        annotations,
    }));
    fixture.decided(None, 0, place, command_id(number), None)
}

async fn execute(connection: &mut PgConnection, statement: &str) {
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
    done.execute(connection).await.expect("a statement");
}

/// Rows of `order_line`, and orders whose rows are not exactly one for each of their products.
async fn lines(connection: &mut PgConnection) -> (i64, i64) {
    let counted = sqlx::query_as(
        "SELECT (SELECT count(*) FROM order_line), count(*) FROM customer_order AS o WHERE
            (SELECT array_agg(DISTINCT (value ->> 'product_id')::uuid) FROM json_array_elements(o.lines))
            IS DISTINCT FROM (SELECT array_agg(product_id ORDER BY product_id) FROM order_line
                WHERE order_id = o.id AND created_at = o.created_at)",
    );
    counted.fetch_one(connection).await.expect("counted")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committers_and_the_database_fill_the_lines_of_orders() {
    let config = skip_unless!(postgres_config());
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    let mut connection = PgConnection::connect(&config.url).await.expect("connects");
    let journal = &fixture.stores.journal;
    let with_reference = AnnotationsInput {
        external_reference: Some("A-1".into()),
        metadata: vec![],
    };
    let with_reference = with_reference.check().expect("valid");

    // The trigger leaves the committer's rows alone, also of an order with a reference.
    let function = "SELECT pg_get_functiondef('add_order_lines'::regproc)";
    let function: String = sqlx::query_scalar(function)
        .fetch_one(&mut connection)
        .await
        .expect("a function");
    let failing = "CREATE OR REPLACE FUNCTION add_order_lines() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''fired''; END'";
    execute(&mut connection, failing).await;
    for (number, annotations) in [(1, Annotations::default()), (2, with_reference)] {
        let placed = journal.append(order(&fixture, number, annotations)).await;
        placed.expect("written");
    }
    assert_eq!(lines(&mut connection).await, (4, 0));
    execute(&mut connection, &function).await;

    // A program that does not know the table.
    let copy = "INSERT INTO customer_order (id, version, created_at, account_id, status, total_minor, currency, lines)
        SELECT gen_random_uuid(), 1, created_at + 1, account_id, status, total_minor, currency, lines
        FROM customer_order";
    execute(&mut connection, copy).await;
    assert_eq!(lines(&mut connection).await, (8, 0));

    // A committer whose session has lost its settings, behind a pooler.
    let both = "WITH id AS MATERIALIZED (SELECT gen_random_uuid() AS id),
        line AS (INSERT INTO order_line SELECT product_id, created_at, id.id FROM order_line, id
            WHERE order_id = (SELECT id FROM customer_order LIMIT 1))
        INSERT INTO customer_order (id, version, created_at, account_id, status, total_minor, currency, lines)
        SELECT id.id, 1, created_at, account_id, status, total_minor, currency, lines
        FROM id, (SELECT * FROM customer_order LIMIT 1) AS o";
    execute(&mut connection, both).await;
    assert_eq!(lines(&mut connection).await, (10, 0));
    fixture.stores.close().await;
}
