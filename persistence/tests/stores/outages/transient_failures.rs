//! Transient failures: the committer retries the append, and its client does not notice them.

use std::time::Duration;

use fritzy_domain::{AppendError, Fingerprint};
use fritzy_testbed::{PostgresServer, skip_unless};
use futures_util::future::join_all;

use crate::fixture::account_id;
use crate::outages::workspace::{Workspace, acknowledged};

/// Makes the next `times` inserts into the journal fail with `code`.
fn fail_next(workspace: &Workspace, code: &str, times: u32) {
    let statement = format!(
        "CREATE SEQUENCE failures;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
            IF nextval('failures') <= {times} THEN RAISE EXCEPTION 'planted' USING ERRCODE = '{code}'; END IF;
            RETURN new;
         END $$;
         CREATE TRIGGER fail BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION fail()"
    );
    workspace
        .server
        .psql("postgres", &statement)
        .expect("planted");
}

fn stop_failing(workspace: &Workspace) {
    let statement = "DROP TRIGGER fail ON journal; DROP FUNCTION fail; DROP SEQUENCE failures";
    workspace
        .server
        .psql("postgres", statement)
        .expect("dropped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transient_errors_are_retried() {
    let workspace = skip_unless!(Workspace::new().await);
    let mut observed = Vec::new();
    for (number, code) in ["40P01", "40001", "55P03", "57014"].into_iter().enumerate() {
        fail_next(&workspace, code, 3);
        let round = workspace
            .create_accounts(100 * (1 + number as u128), 10)
            .await;
        assert_eq!(acknowledged(&round), 10, "{code}: {round:?}");
        observed.extend(round);
        stop_failing(&workspace);
    }
    workspace.audit(&observed).await;
}

/// A full disk is not retried: the write is refused and certainly absent, and the next one may
/// succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permanent_error_is_reported_at_once() {
    let workspace = skip_unless!(Workspace::new().await);
    fail_next(&workspace, "53100", 1);
    let refused = workspace.create_account(100).await;
    assert!(refused.is_unavailable(true), "{refused:?}");
    stop_failing(&workspace);
    let next = workspace.create_account(101).await;
    assert!(next.is_acknowledged(), "{next:?}");
    workspace.audit(&[refused, next]).await;
}

/// The committers' connections are cut while other clients hold all that the server accepts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn append_waits_for_a_free_connection_slot() {
    let config = fritzy_testbed::PostgresConfig::default().with("max_connections", "20");
    let server = skip_unless!(PostgresServer::start(config));
    let workspace = Workspace::on(server).await;
    let role = "CREATE ROLE shop LOGIN SUPERUSER CONNECTION LIMIT 100";
    workspace.server.psql("postgres", role).expect("a role");
    // As a superuser, to take the connections reserved for superusers as well.
    let mut taken = Vec::new();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'fritzy%'";
    workspace.server.psql("postgres", cut).expect("cut");
    let url = workspace.server.url("postgres");
    while let Ok(connection) = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await {
        taken.push(connection);
    }
    assert!(taken.len() > 10, "{}", taken.len());
    let (observed, ()) = tokio::join!(workspace.create_accounts(100, 20), async {
        // Long enough for the committers to be refused several times.
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(taken);
    });
    assert_eq!(acknowledged(&observed), 20, "{observed:?}");
    workspace.audit(&observed).await;
}

/// Two committers write the same keys in opposite orders. Each key creates one order, and neither
/// committer waits long for a lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_same_keys_from_two_committers_never_deadlock() {
    let workspace = skip_unless!(Workspace::new().await);
    for round in 0..20_u128 {
        let keys: Vec<u128> = (0..60).map(|key| 1_000 + round * 100 + key).collect();
        let order = |key: u128, account: u128| {
            let fingerprint = Some(Fingerprint([7; 16]));
            workspace
                .fixture
                .new_order(key, account_id(account), fingerprint)
        };
        // Accounts 0 and 1 are in shards of different committers.
        let ascending = keys.iter().map(|key| order(*key, 0));
        let descending = keys.iter().rev().map(|key| order(*key, 1));
        let appends: Vec<_> = ascending
            .zip(descending)
            .flat_map(|(a, b)| [a, b])
            .collect();
        let observed = join_all(appends.into_iter().map(|append| workspace.append(append))).await;
        assert_eq!(
            acknowledged(&observed),
            keys.len(),
            "I8: one order for each key"
        );
        for refused in observed.iter().filter_map(|one| one.result.as_ref().err()) {
            assert_eq!(*refused, AppendError::Conflict);
        }
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'";
    let found = workspace.server.psql("postgres", deadlocks).expect("runs");
    assert_eq!(found.trim(), "0");
}
