//! How soon a tail returns its first event on a fresh database on PostgreSQL, which has no
//! statistics yet.

use std::time::{Duration, Instant};

use fritzy_persistence::{EventTail, PostgresConfig as StoreConfig, Stores, TailFrom};
use fritzy_testbed::{PostgresConfig, PostgresServer, skip_unless};
use fritzy_types::Timestamp;
use sqlx::{Connection, PgConnection};

/// Events, in all 1 024 shards.
const EVENTS: i64 = 350_000;
/// Between two events.
const STEP_MICROS: i64 = 1_000;
/// For the first event. Alone, a debug build needs less than a second; other tests may run beside it.
const FIRST_MAX: Duration = Duration::from_secs(3);

/// Writes events as a node does, but in one statement.
const FILL: &str = r#"
    INSERT INTO journal (shard, position, entity_id, version, event_id, event_type, payload, command_id)
    SELECT n % 1024, n / 1024 + 1, id, 1, id, 'account.created',
        json_build_object('account_id', id, 'personal', json_build_object('name', 'Ada'), 'at', n * $2), id
    FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(0, $1 - 1) AS n) AS event"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_from_a_time_is_quick_without_statistics() {
    let config = PostgresConfig::default().with("autovacuum", "off");
    let server = skip_unless!(PostgresServer::start(config));
    let url = server.url("postgres");
    let stores = Stores::open_postgres(StoreConfig::new(&url)).await;
    stores.expect("opens").close().await;
    let mut connection = PgConnection::connect(&url).await.expect("connects");
    let filling = sqlx::query(FILL).bind(EVENTS).bind(STEP_MICROS);
    filling.execute(&mut connection).await.expect("written");
    let middle = Timestamp::from_micros(EVENTS / 2 * STEP_MICROS);
    let last = Timestamp::from_micros((EVENTS - 1) * STEP_MICROS);
    let after_all = Timestamp::from_micros(EVENTS * STEP_MICROS);
    for (from, expected) in [
        (TailFrom::At(middle), Some(middle)),
        (TailFrom::At(last), Some(last)),
        (TailFrom::At(after_all), None),
        (TailFrom::Last(1), Some(last)),
        (TailFrom::Start, Some(Timestamp::from_micros(0))),
    ] {
        let began = Instant::now();
        let mut tail = EventTail::open_postgres(&url, &from).await.expect("opens");
        tail.poll().await.expect("polls");
        let first = tail.next().await.expect("reads");
        let took = began.elapsed();
        assert_eq!(first.map(|first| first.event.at()), expected, "{from:?}");
        assert!(took < FIRST_MAX, "{from:?}: {took:?}");
        println!("{from:?}: first event after {took:?}");
        tail.close().await;
    }
}
