//! Lists from a streaming replica: never older than the client allows, and from the primary otherwise.

use std::time::Duration;

use fritzy_domain::{Consistency, ConsistencyToken, Page, UnlimitedBudget};
use fritzy_testbed::{PostgresConfig, PostgresServer};

use crate::ground::{Ground, PATIENT, blocking, server, until};

/// How far lists may be behind here.
const LAG_MAX: Duration = Duration::from_secs(3);

struct Pair {
    ground: Ground,
    replica: PostgresServer,
}

impl Pair {
    async fn new(test: &str) -> Option<Self> {
        let primary = server(test, PostgresConfig::default())?;
        let replica = primary
            .standby(PostgresConfig::default())
            .expect("a standby");
        let url = replica.url("postgres");
        let ground = Ground::with(primary, |config| {
            config.replica = Some(url);
            config.replica_lag_max = LAG_MAX;
        });
        let pair = Self {
            ground: ground.await,
            replica,
        };
        Some(pair)
    }

    /// How many accounts a list shows; `None` when it cannot be had.
    async fn accounts(&self, freshness: Consistency) -> Option<usize> {
        let page = Page {
            skip: 0,
            take: 1_000,
        };
        let lists = self.ground.fixture.stores.copies.lists(freshness).await;
        let accounts = lists.accounts(page, &UnlimitedBudget).await;
        accounts.ok().map(|accounts| accounts.len())
    }

    async fn write(&self, number: u128) -> ConsistencyToken {
        let told = self.ground.tell(self.ground.account(number, PATIENT)).await;
        told.1.expect("written");
        let token = self.ground.fixture.stores.copies.token().await;
        token.expect("there is a replica")
    }

    fn ask_replica(&self, statement: &str) -> String {
        let told = blocking(|| self.replica.psql("postgres", statement));
        told.expect("asked").trim().to_owned()
    }

    fn replica_has(&self, accounts: usize) -> bool {
        self.ask_replica("SELECT count(*) FROM account") == accounts.to_string()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_honoured_however_far_the_replica_is_behind() {
    let test = "a_token_is_honoured_however_far_the_replica_is_behind";
    let Some(pair) = Pair::new(test).await else {
        return;
    };
    pair.write(1).await;
    until(|| pair.replica_has(1)).await;
    pair.ask_replica("SELECT pg_wal_replay_pause()");
    until(|| pair.ask_replica("SELECT pg_get_wal_replay_pause_state()") == "paused").await;
    let token = pair.write(2).await;
    assert_eq!(pair.accounts(Consistency::AtLeast(token)).await, Some(2));
    assert_eq!(pair.accounts(Consistency::Strong).await, Some(2));
    pair.ask_replica("SELECT pg_wal_replay_resume()");
    until(|| pair.replica_has(2)).await;
    // The replica has it now: the primary is not needed.
    blocking(|| pair.ground.server.stop_fast()).expect("stops");
    assert_eq!(pair.accounts(Consistency::AtLeast(token)).await, Some(2));
    assert_eq!(pair.accounts(Consistency::Strong).await, None);
    let elsewhere = ConsistencyToken {
        database: token.database ^ 1,
        ..token
    };
    assert_eq!(pair.accounts(Consistency::AtLeast(elsewhere)).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_the_limit_of_lag_decides() {
    let test = "without_a_token_the_limit_of_lag_decides";
    let Some(pair) = Pair::new(test).await else {
        return;
    };
    pair.write(1).await;
    until(|| pair.replica_has(1)).await;
    pair.ask_replica("SELECT pg_wal_replay_pause()");
    until(|| pair.ask_replica("SELECT pg_get_wal_replay_pause_state()") == "paused").await;
    pair.write(2).await;
    let paused = std::time::Instant::now();
    // Lists come from the replica, which shows what it had, until that is too old.
    let mut from_replica = 0;
    let seen_by = loop {
        match pair.accounts(Consistency::BoundedStaleness).await {
            Some(1) => from_replica += 1,
            Some(2) if from_replica > 0 => break paused.elapsed(),
            // The replica was not known well enough yet.
            _ => {}
        }
        assert!(
            paused.elapsed() < 3 * LAG_MAX,
            "a list is {:?} old",
            paused.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(seen_by <= LAG_MAX + Duration::from_secs(2), "{seen_by:?}");
    // It catches up, and serves again.
    pair.ask_replica("SELECT pg_wal_replay_resume()");
    until(|| pair.replica_has(2)).await;
    let reads = || {
        pair.ask_replica(
            "SELECT sum(idx_scan + seq_scan) FROM pg_stat_user_tables WHERE relname = 'account'",
        )
    };
    let before = reads();
    let again = async {
        while reads() == before {
            assert_eq!(pair.accounts(Consistency::BoundedStaleness).await, Some(2));
        }
    };
    tokio::time::timeout(PATIENT, again)
        .await
        .expect("the replica is read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_gone_or_promoted_is_not_missed() {
    let test = "a_replica_that_is_gone_or_promoted_is_not_missed";
    let Some(pair) = Pair::new(test).await else {
        return;
    };
    let token = pair.write(1).await;
    until(|| pair.replica_has(1)).await;
    blocking(|| pair.replica.stop_immediate()).expect("stops");
    assert_eq!(pair.accounts(Consistency::AtLeast(token)).await, Some(1));
    assert_eq!(pair.accounts(Consistency::BoundedStaleness).await, Some(1));
    blocking(|| pair.replica.restart()).expect("starts");
    // One that takes writes of its own is none any more.
    blocking(|| pair.replica.promote()).expect("promoted");
    pair.ask_replica("DELETE FROM account");
    let token = pair.write(2).await;
    for _ in 0..50 {
        assert_eq!(pair.accounts(Consistency::AtLeast(token)).await, Some(2));
    }
    // It is asked twice a second what it is; from then on it is read no more.
    let noticed = async { while pair.accounts(Consistency::BoundedStaleness).await != Some(2) {} };
    // Sooner than by its lag.
    tokio::time::timeout(LAG_MAX * 2 / 3, noticed)
        .await
        .expect("noticed");
    let settled = std::time::Instant::now();
    while settled.elapsed() < LAG_MAX {
        assert_eq!(pair.accounts(Consistency::BoundedStaleness).await, Some(2));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
