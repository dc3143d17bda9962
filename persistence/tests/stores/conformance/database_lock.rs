//! A database is one node's or one cluster's, and what only a server shows of its table of nodes.

use std::time::{Duration, Instant};

use fritzy_persistence::{PostgresConfig, PostgresError, Sharing, Stores};
use fritzy_types::{ShardId, StorageError};
use sqlx::{Connection, PgConnection, Row};

use crate::conformance::cluster::{Cluster, PATIENT, cluster_config, new_node};

fn alone(config: &PostgresConfig) -> PostgresConfig {
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

/// Asks the server itself for a number.
async fn ask(connection: &mut PgConnection, statement: &'static str) -> i64 {
    let row = sqlx::query(statement).fetch_one(connection).await;
    row.expect(statement).get(0)
}

/// Waits until they are gone.
const CUT: &str = "SELECT count(pg_terminate_backend(pid, 20000)) FROM pg_stat_activity
    WHERE application_name = 'fritzy node' AND datname = current_database()";
const LOCK: &str = "SELECT classid::bigint << 32 | objid::bigint FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND application_name = 'fritzy node' AND datname = current_database()";
const HELD: &str = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND application_name = 'fritzy node' AND datname = current_database()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_alone_and_a_cluster_keep_each_other_out() {
    let test = "a_node_that_is_alone_and_a_cluster_keep_each_other_out";
    let Some(shared) = cluster_config(test) else {
        return;
    };
    let first = open(&shared).await;
    let second = open(&shared).await;
    let refused = refusal(&alone(&shared)).await;
    let by_cluster = matches!(refused, PostgresError::InUseByCluster { .. });
    assert!(by_cluster, "{refused}");
    let text = refused.to_string();
    assert!(text.contains("connected from 127.0.0.1"), "{text}");
    assert!(text.contains("settings of a cluster"), "{text}");
    first.close().await;
    let refused = refusal(&alone(&shared)).await;
    assert!(
        matches!(refused, PostgresError::InUseByCluster { .. }),
        "one is left: {refused}"
    );
    second.close().await;

    let lone = open(&alone(&shared)).await;
    let refused = refusal(&shared).await;
    let by_one = matches!(refused, PostgresError::InUseAlone { .. });
    assert!(by_one, "{refused}");
    assert!(refused.to_string().contains("Stop it"), "{refused}");
    let refused = refusal(&alone(&shared)).await;
    assert!(matches!(refused, PostgresError::InUse { .. }), "{refused}");
    lone.close().await;
    open(&shared).await.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_s_node_survives_its_lock_and_ends_by_a_node_that_is_alone() {
    let test = "a_cluster_s_node_survives_its_lock_and_ends_by_a_node_that_is_alone";
    let Some(shared) = cluster_config(test) else {
        return;
    };
    let stores = open(&shared).await;
    let connection = PgConnection::connect(&shared.url).await;
    let mut connection = connection.expect("connects");
    assert_eq!(ask(&mut connection, CUT).await, 1);
    let back = async { while ask(&mut connection, HELD).await == 0 {} };
    let back = tokio::time::timeout(PATIENT, back).await;
    back.expect("it takes the lock again");
    let lost = tokio::time::timeout(Duration::ZERO, stores.lost()).await;
    assert!(lost.is_err(), "it goes on");

    // The lock itself is held as a node that is alone holds it, before the cluster's comes back.
    let lock = ask(&mut connection, LOCK).await;
    assert_eq!(ask(&mut connection, CUT).await, 1);
    let take = async {
        let take = sqlx::query("SELECT pg_advisory_lock($1)").bind(lock);
        take.execute(&mut connection).await.expect("waits for it");
    };
    let taken = tokio::time::timeout(PATIENT, take).await;
    taken.expect("the lock of the one that was cut is free");
    let lost = tokio::time::timeout(PATIENT, stores.lost()).await;
    let lost = lost.expect("it ends");
    assert!(lost.contains("a node that is alone"), "{lost}");
    stores.close().await;
}

/// Whoever holds the row is not waited for: a node must know in time that it has not renewed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_is_not_answered_is_given_up_and_does_not_count_later() {
    let test = "a_renewal_that_is_not_answered_is_given_up_and_does_not_count_later";
    let Some(cluster) = Cluster::postgres(test).await else {
        return;
    };
    let id = cluster.join(1).await;
    let members = cluster.members();
    assert!(members.heartbeat(id).await.expect("answers"));
    let mut connection = cluster.connection().await;
    let mut holding = connection.begin().await.expect("begins");
    ask(&mut holding, "SELECT 1::bigint FROM node FOR UPDATE").await;
    let began = Instant::now();
    let late = members.heartbeat(id).await;
    assert!(
        matches!(late, Err(StorageError::Unavailable(_))),
        "{late:?}"
    );
    assert!(began.elapsed() < Duration::from_millis(2_500));
    let look = cluster.members_of(1).read_state(None, &[id]).await;
    assert_eq!(look.expect("looks go on").beats, [(id, 1)]);
    holding.rollback().await.expect("lets go");
    assert!(members.heartbeat(id).await.expect("answers"));
    let look = members.read_state(None, &[id]).await.expect("looks");
    assert_eq!(
        look.beats,
        [(id, 2)],
        "the one that was given up is not there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_after_their_connections_were_cut() {
    let test = "calls_go_on_after_their_connections_were_cut";
    let Some(cluster) = Cluster::postgres(test).await else {
        return;
    };
    let id = cluster.join(1).await;
    let members = cluster.members();
    assert!(members.heartbeat(id).await.expect("answers"));
    let mut connection = cluster.connection().await;
    let cut = "SELECT count(pg_terminate_backend(pid, 20000)) FROM pg_stat_activity
        WHERE application_name IN ('fritzy renewal', 'fritzy membership') AND datname = current_database()";
    assert_eq!(ask(&mut connection, cut).await, 2, "one of each");
    assert!(members.heartbeat(id).await.is_err() && members.read_state(None, &[]).await.is_err());
    assert!(members.heartbeat(id).await.expect("answers again"));
    let look = members.read_state(None, &[id]).await.expect("looks again");
    assert_eq!(look.beats, [(id, 2)]);
    cluster.stores[0].close().await;
    let closed = members.heartbeat(id).await;
    assert!(
        matches!(closed, Err(StorageError::Unavailable(_))),
        "{closed:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_were_fenced_long_ago_and_own_nothing_are_swept() {
    let test = "nodes_that_were_fenced_long_ago_and_own_nothing_are_swept";
    let Some(cluster) = Cluster::postgres(test).await else {
        return;
    };
    for number in 1..=4 {
        cluster.join(number).await;
    }
    let owner = crate::fixture::node(1);
    let taken = cluster
        .members()
        .acquire(owner, &[(ShardId(5), None)])
        .await;
    assert_eq!(taken.expect("takes").len(), 1);
    for number in 1..=3 {
        assert!(cluster.fence(crate::fixture::node(number), 0).await);
    }
    let mut connection = cluster.connection().await;
    let long_ago = "UPDATE node SET fenced_at = now() - interval '11 minutes' WHERE name IN ('node-1', 'node-2')";
    let done = sqlx::raw_sql(long_ago).execute(&mut connection).await;
    done.expect("long ago");
    let before = cluster.version().await;
    cluster.join(5).await;
    assert_eq!(cluster.version().await, before + 1);
    let names = async || {
        let nodes = cluster.state().await.nodes.into_iter();
        nodes.map(|record| record.node.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["node-1", "node-3", "node-4", "node-5"]);
    // One that does not join may sweep all the same, and then says so.
    let all = "UPDATE node SET fenced_at = now() - interval '11 minutes' WHERE fenced";
    let done = sqlx::raw_sql(all).execute(&mut connection).await;
    done.expect("long ago");
    let refused = cluster.members().join(&new_node(6, "node-5")).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(names().await, ["node-1", "node-4", "node-5"]);
    assert_eq!(cluster.version().await, before + 2);
}
