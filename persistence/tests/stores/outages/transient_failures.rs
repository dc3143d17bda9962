//! Failures that pass: the append is tried again inside, and its client hears nothing of them.

use std::time::Duration;

use fritzy_domain::{AppendError, Fingerprint};
use futures_util::future::join_all;

use crate::fixture::account_id;
use crate::outages::workspace::{Ground, PATIENT, acknowledged, server};

/// Makes the next `times` inserts into the journal fail with `code`.
fn fail_next(ground: &Ground, code: &str, times: u32) {
    let statement = format!(
        "CREATE SEQUENCE failures;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
            IF nextval('failures') <= {times} THEN RAISE EXCEPTION 'planted' USING ERRCODE = '{code}'; END IF;
            RETURN new;
         END $$;
         CREATE TRIGGER fail BEFORE INSERT ON journal FOR EACH ROW EXECUTE FUNCTION fail()"
    );
    ground.server.psql("postgres", &statement).expect("planted");
}

fn mend(ground: &Ground) {
    let statement = "DROP TRIGGER fail ON journal; DROP FUNCTION fail; DROP SEQUENCE failures";
    ground.server.psql("postgres", statement).expect("mended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlocks_and_the_like_are_tried_again() {
    let test = "deadlocks_and_the_like_are_tried_again";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    let mut told = Vec::new();
    for (number, code) in ["40P01", "40001", "55P03", "57014"].into_iter().enumerate() {
        fail_next(&ground, code, 3);
        let round = ground
            .tell_many(100 * (1 + number as u128), 10, PATIENT)
            .await;
        assert_eq!(acknowledged(&round), 10, "{code}: {round:?}");
        told.extend(round);
        mend(&ground);
    }
    ground.audit(&told).await;
}

/// A full disk is not waited for: the write is refused, certainly absent, and the next one may work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_asking_again_does_not_mend_is_told() {
    let test = "what_asking_again_does_not_mend_is_told";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    fail_next(&ground, "53100", 1);
    let refused = ground.tell(ground.account(100, PATIENT)).await;
    let unavailable = matches!(
        refused.1,
        Err(AppendError::Unavailable {
            certainly_not_written: true,
            ..
        })
    );
    assert!(unavailable, "{:?}", refused.1);
    mend(&ground);
    let next = ground.tell(ground.account(101, PATIENT)).await;
    assert!(next.1.is_ok(), "{:?}", next.1);
    ground.audit(&[refused, next]).await;
}

/// The committers' connections are cut while somebody else has taken all there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_full_of_connections_is_waited_for() {
    let test = "a_server_full_of_connections_is_waited_for";
    let config = fritzy_testbed::PostgresConfig::default().with("max_connections", "20");
    let Some(server) = server(test, config) else {
        return;
    };
    let ground = Ground::on(server).await;
    let role = "CREATE ROLE shop LOGIN SUPERUSER CONNECTION LIMIT 100";
    ground.server.psql("postgres", role).expect("a role");
    // A superuser's reserved places must go as well.
    let mut taken = Vec::new();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'fritzy%'";
    ground.server.psql("postgres", cut).expect("cut");
    let url = ground.server.url("postgres");
    while let Ok(connection) = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await {
        taken.push(connection);
    }
    assert!(taken.len() > 10, "{}", taken.len());
    let (told, ()) = tokio::join!(ground.tell_many(100, 20, PATIENT), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(taken);
    });
    assert_eq!(acknowledged(&told), 20, "{told:?}");
    ground.audit(&told).await;
}

/// Two committers write the same keys, in opposite orders. Each key makes one order, and nobody is locked
/// out for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_keys_from_two_committers_never_deadlock() {
    let test = "the_same_keys_from_two_committers_never_deadlock";
    let Some(ground) = Ground::new(test).await else {
        return;
    };
    for round in 0..20_u128 {
        let keys: Vec<u128> = (0..60).map(|key| 1_000 + round * 100 + key).collect();
        let order = |key: u128, account: u128| {
            let fingerprint = Some(Fingerprint([7; 16]));
            ground
                .fixture
                .new_order(key, account_id(account), fingerprint)
        };
        // Accounts 0 and 1 are in the shards of different committers.
        let ascending = keys.iter().map(|key| order(*key, 0));
        let descending = keys.iter().rev().map(|key| order(*key, 1));
        let appends: Vec<_> = ascending
            .zip(descending)
            .flat_map(|(a, b)| [a, b])
            .collect();
        let told = join_all(appends.into_iter().map(|append| ground.tell(append))).await;
        assert_eq!(
            acknowledged(&told),
            keys.len(),
            "I8: one order for each key"
        );
        let refused = told.iter().filter_map(|(_, answer)| answer.as_ref().err());
        assert!(
            refused
                .into_iter()
                .all(|failure| *failure == AppendError::Conflict)
        );
    }
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'";
    let found = ground.server.psql("postgres", deadlocks).expect("asked");
    assert_eq!(found.trim(), "0");
}
