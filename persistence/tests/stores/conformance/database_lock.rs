//! The advisory lock of a database: one standalone node, or the nodes of one cluster.

use std::time::Duration;

use fritzy_persistence::{Lost, PostgresConfig, PostgresError, Sharing, Stores};
use fritzy_testbed::skip_unless;
use sqlx::{Connection, PgConnection, Row};
use tokio::time::timeout;

use crate::conformance::cluster::cluster_config;
use crate::fixture::TEST_TIMEOUT;

fn standalone(config: &PostgresConfig) -> PostgresConfig {
    PostgresConfig {
        sharing: Sharing::Alone,
        ..config.clone()
    }
}

async fn open(config: &PostgresConfig) -> Stores {
    let opened = Stores::open_postgres(config.clone()).await;
    opened.expect("opens")
}

async fn refusal(config: &PostgresConfig) -> PostgresError {
    match Stores::open_postgres(config.clone()).await {
        Ok(_) => panic!("it opened"),
        Err(refusal) => refusal,
    }
}

async fn query_number(connection: &mut PgConnection, statement: &'static str) -> i64 {
    let row = sqlx::query(statement).fetch_one(connection).await;
    row.expect(statement).get(0)
}

/// Waits until the connections have ended.
const CUT: &str = "SELECT count(pg_terminate_backend(pid, 20000)) FROM pg_stat_activity
    WHERE application_name = 'fritzy node' AND datname = current_database()";
const LOCK: &str = "SELECT classid::bigint << 32 | objid::bigint FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND application_name = 'fritzy node' AND datname = current_database()";
const HELD: &str = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND application_name = 'fritzy node' AND datname = current_database()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standalone_node_and_cluster_exclude_each_other() {
    let shared = skip_unless!(cluster_config());
    let first = open(&shared).await;
    let second = open(&shared).await;
    let refused = refusal(&standalone(&shared)).await;
    let by_cluster = matches!(refused, PostgresError::InUseByCluster { .. });
    assert!(by_cluster, "{refused}");
    let text = refused.to_string();
    assert!(text.contains("connected from 127.0.0.1"), "{text}");
    assert!(text.contains("settings of the cluster"), "{text}");
    first.close().await;
    let refused = refusal(&standalone(&shared)).await;
    assert!(
        matches!(refused, PostgresError::InUseByCluster { .. }),
        "one node is left: {refused}"
    );
    second.close().await;

    let lone = open(&standalone(&shared)).await;
    let refused = refusal(&shared).await;
    let by_one = matches!(refused, PostgresError::InUseAlone { .. });
    assert!(by_one, "{refused}");
    assert!(refused.to_string().contains("Stop it"), "{refused}");
    let refused = refusal(&standalone(&shared)).await;
    assert!(matches!(refused, PostgresError::InUse { .. }), "{refused}");
    lone.close().await;
    open(&shared).await.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_node_retakes_a_lost_lock_and_ends_if_it_is_taken() {
    let shared = skip_unless!(cluster_config());
    let stores = open(&shared).await;
    let connection = PgConnection::connect(&shared.url).await;
    let mut connection = connection.expect("connects");
    assert_eq!(query_number(&mut connection, CUT).await, 1);
    let retaken = async { while query_number(&mut connection, HELD).await == 0 {} };
    let retaken = timeout(TEST_TIMEOUT, retaken).await;
    retaken.expect("the node takes the lock again");
    let lost = timeout(Duration::ZERO, stores.lost()).await;
    assert!(lost.is_err(), "the node continues");

    // The test takes the lock as a standalone node does, before the cluster's node retakes it.
    let lock = query_number(&mut connection, LOCK).await;
    assert_eq!(query_number(&mut connection, CUT).await, 1);
    let take = async {
        let take = sqlx::query("SELECT pg_advisory_lock($1)").bind(lock);
        take.execute(&mut connection).await.expect("waits for it");
    };
    let taken = timeout(TEST_TIMEOUT, take).await;
    taken.expect("the lock is free");
    let lost = timeout(TEST_TIMEOUT, stores.lost()).await;
    let lost = lost.expect("the node ends");
    let Lost::Database(reason) = lost else {
        panic!("{lost:?}");
    };
    assert!(reason.contains("a node without a cluster"), "{reason}");
    stores.close().await;
}
