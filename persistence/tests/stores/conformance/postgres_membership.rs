//! What only a server can show of the table of nodes: locked rows, lost connections, and rows that
//! are removed.

use std::time::{Duration, Instant};

use fritzy_testbed::skip_unless;
use fritzy_types::{ShardId, StorageError};
use sqlx::{Connection, PgConnection, Row};

use crate::conformance::cluster::{Cluster, new_node};
use crate::fixture::node;

async fn query_number(connection: &mut PgConnection, statement: &'static str) -> i64 {
    let row = sqlx::query(statement).fetch_one(connection).await;
    row.expect(statement).get(0)
}

/// A locked row is not waited for: a node must learn in time that its heartbeat failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i3_timed_out_heartbeat_does_not_count_later() {
    let cluster = skip_unless!(Cluster::postgres().await);
    let id = cluster.join(1).await;
    let members = cluster.members();
    assert!(members.heartbeat(id).await.expect("succeeds"));
    let mut connection = cluster.connection().await;
    let mut locking = connection.begin().await.expect("begins");
    query_number(&mut locking, "SELECT 1::bigint FROM node FOR UPDATE").await;
    let began = Instant::now();
    let late = members.heartbeat(id).await;
    assert!(
        matches!(late, Err(StorageError::Unavailable(_))),
        "{late:?}"
    );
    assert!(began.elapsed() < Duration::from_millis(2_500));
    let snapshot = cluster.members_of(1).read_state(None, &[id]).await;
    let snapshot = snapshot.expect("reads do not wait for the lock");
    assert_eq!(snapshot.heartbeats, [(id, 1)]);
    locking.rollback().await.expect("unlocks");
    assert!(members.heartbeat(id).await.expect("succeeds"));
    let snapshot = members.read_state(None, &[id]).await.expect("reads");
    assert_eq!(
        snapshot.heartbeats,
        [(id, 2)],
        "the heartbeat that timed out does not count"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn membership_calls_reconnect_after_a_lost_connection() {
    let cluster = skip_unless!(Cluster::postgres().await);
    let id = cluster.join(1).await;
    let members = cluster.members();
    assert!(members.heartbeat(id).await.expect("succeeds"));
    let mut connection = cluster.connection().await;
    let cut = "SELECT count(pg_terminate_backend(pid, 20000)) FROM pg_stat_activity
        WHERE application_name IN ('fritzy renewal', 'fritzy membership') AND datname = current_database()";
    let ended = query_number(&mut connection, cut).await;
    assert_eq!(ended, 2, "one for heartbeats and one for the rest");
    assert!(members.heartbeat(id).await.is_err() && members.read_state(None, &[]).await.is_err());
    assert!(members.heartbeat(id).await.expect("succeeds again"));
    let snapshot = members.read_state(None, &[id]).await;
    assert_eq!(snapshot.expect("reads again").heartbeats, [(id, 2)]);
    cluster.stores[0].close().await;
    let closed = members.heartbeat(id).await;
    assert!(
        matches!(closed, Err(StorageError::Unavailable(_))),
        "{closed:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn join_removes_nodes_fenced_long_ago_without_shards() {
    let cluster = skip_unless!(Cluster::postgres().await);
    for number in 1..=4 {
        cluster.join(number).await;
    }
    let acquired = cluster
        .members()
        .acquire(node(1), &[(ShardId(5), None)])
        .await;
    assert_eq!(acquired.expect("acquires").len(), 1);
    for number in 1..=3 {
        assert!(cluster.fence(node(number), 0).await);
    }
    let mut connection = cluster.connection().await;
    let long_ago = "UPDATE node SET fenced_at = now() - interval '11 minutes' WHERE name IN ('node-1', 'node-2')";
    let done = sqlx::raw_sql(long_ago).execute(&mut connection).await;
    done.expect("updated");
    let before = cluster.version().await;
    cluster.join(5).await;
    assert_eq!(cluster.version().await, before + 1);
    let names = async || {
        let nodes = cluster.state().await.nodes.into_iter();
        nodes.map(|record| record.node.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["node-1", "node-3", "node-4", "node-5"]);
    // A node that is refused may still remove others, and then advances the version.
    let all = "UPDATE node SET fenced_at = now() - interval '11 minutes' WHERE fenced";
    let done = sqlx::raw_sql(all).execute(&mut connection).await;
    done.expect("updated");
    let refused = cluster.members().join(&new_node(6, "node-5")).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(names().await, ["node-1", "node-4", "node-5"]);
    assert_eq!(cluster.version().await, before + 2);
}
