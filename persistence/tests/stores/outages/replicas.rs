//! Lists from a streaming replica: never staler than the client allows, and from the primary
//! otherwise.

use std::time::Duration;

use fritzy_domain::{
    AppendOutcome, Consistency, ConsistencyToken, Currency, OrderFilter, OrderInterval,
    OrderListPage, OrderStatus, Page, ProductId, RowCount, State, TotalRange, UnlimitedBudget,
};
use fritzy_testbed::{PostgresConfig, PostgresServer, ServiceError, skip_unless};
use fritzy_types::Timestamp;
use uuid::Uuid;

use crate::fixture::{TEST_TIMEOUT, account_id};
use crate::outages::workspace::{Workspace, blocking, wait_until};

/// The limit of staleness where a test waits until it has passed: several of the store's polls, one
/// each 500 ms.
const SHORT_LAG_MAX: Duration = Duration::from_secs(2);
/// The limit where a test must see its effect before the limit passes.
const LONG_LAG_MAX: Duration = Duration::from_secs(3);

struct Pair {
    workspace: Workspace,
    replica: PostgresServer,
}

impl Pair {
    async fn new(lag_max: Duration) -> Result<Self, ServiceError> {
        let primary = PostgresServer::start(PostgresConfig::default())?;
        let replica = primary
            .standby(PostgresConfig::default())
            .expect("a standby");
        let url = replica.url("postgres");
        let workspace = Workspace::with(primary, |config| {
            config.replica = Some(url);
            config.replica_lag_max = lag_max;
        });
        let pair = Self {
            workspace: workspace.await,
            replica,
        };
        Ok(pair)
    }

    /// Returns how many accounts a list shows; `None` when it cannot be read.
    async fn accounts(&self, consistency: Consistency) -> Option<usize> {
        let page = Page {
            skip: 0,
            take: 1_000,
        };
        let lists = self
            .workspace
            .fixture
            .stores
            .replicas
            .read_model(consistency)
            .await;
        let accounts = lists.accounts(page, &UnlimitedBudget).await;
        accounts.ok().map(|accounts| accounts.len())
    }

    async fn write(&self, number: u128) -> ConsistencyToken {
        let written = self.workspace.create_account(number).await;
        assert!(written.is_acknowledged(), "{written:?}");
        let token = self.workspace.fixture.stores.replicas.token().await;
        token.expect("there is a replica")
    }

    fn on_replica(&self, statement: &str) -> String {
        let printed = blocking(|| self.replica.psql("postgres", statement));
        printed.expect("runs").trim().to_owned()
    }

    fn replica_has(&self, accounts: usize) -> bool {
        self.on_replica("SELECT count(*) FROM account") == accounts.to_string()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consistency_token_is_honoured_despite_replica_lag() {
    let pair = skip_unless!(Pair::new(LONG_LAG_MAX).await);
    pair.write(1).await;
    wait_until(|| pair.replica_has(1)).await;
    pair.on_replica("SELECT pg_wal_replay_pause()");
    wait_until(|| pair.on_replica("SELECT pg_get_wal_replay_pause_state()") == "paused").await;
    let token = pair.write(2).await;
    assert_eq!(pair.accounts(Consistency::AtLeast(token)).await, Some(2));
    assert_eq!(pair.accounts(Consistency::Strong).await, Some(2));
    pair.on_replica("SELECT pg_wal_replay_resume()");
    wait_until(|| pair.replica_has(2)).await;
    // The replica has caught up, so the primary is not needed.
    blocking(|| pair.workspace.server.stop_fast()).expect("stops");
    assert_eq!(pair.accounts(Consistency::AtLeast(token)).await, Some(2));
    assert_eq!(pair.accounts(Consistency::Strong).await, None);
    let elsewhere = ConsistencyToken {
        database: token.database ^ 1,
        ..token
    };
    assert_eq!(pair.accounts(Consistency::AtLeast(elsewhere)).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bounded_staleness_leaves_a_replica_beyond_the_limit() {
    let pair = skip_unless!(Pair::new(SHORT_LAG_MAX).await);
    pair.write(1).await;
    wait_until(|| pair.replica_has(1)).await;
    pair.on_replica("SELECT pg_wal_replay_pause()");
    wait_until(|| pair.on_replica("SELECT pg_get_wal_replay_pause_state()") == "paused").await;
    pair.write(2).await;
    let paused = std::time::Instant::now();
    // Lists come from the paused replica until they are too stale.
    let mut from_replica = 0;
    let left_after = loop {
        match pair.accounts(Consistency::BoundedStaleness).await {
            Some(1) => from_replica += 1,
            Some(2) if from_replica > 0 => break paused.elapsed(),
            // The store has not yet measured the replica's lag.
            _ => {}
        }
        assert!(
            paused.elapsed() < 3 * SHORT_LAG_MAX,
            "a list is {:?} stale",
            paused.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let limit = SHORT_LAG_MAX + Duration::from_secs(2);
    assert!(left_after <= limit, "{left_after:?}");
    // The replica catches up and is read again.
    pair.on_replica("SELECT pg_wal_replay_resume()");
    wait_until(|| pair.replica_has(2)).await;
    let reads = || {
        pair.on_replica(
            "SELECT sum(idx_scan + seq_scan) FROM pg_stat_user_tables WHERE relname = 'account'",
        )
    };
    let before = reads();
    let read_again = async {
        while reads() == before {
            assert_eq!(pair.accounts(Consistency::BoundedStaleness).await, Some(2));
        }
    };
    let read_again = tokio::time::timeout(TEST_TIMEOUT, read_again).await;
    read_again.expect("the replica is read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_or_promoted_replica_is_not_read() {
    let pair = skip_unless!(Pair::new(LONG_LAG_MAX).await);
    let token = pair.write(1).await;
    wait_until(|| pair.replica_has(1)).await;
    blocking(|| pair.replica.stop_immediate()).expect("stops");
    assert_eq!(pair.accounts(Consistency::AtLeast(token)).await, Some(1));
    assert_eq!(pair.accounts(Consistency::BoundedStaleness).await, Some(1));
    blocking(|| pair.replica.restart()).expect("starts");
    // A promoted replica accepts writes of its own, and is no replica any more.
    blocking(|| pair.replica.promote()).expect("promoted");
    pair.on_replica("DELETE FROM account");
    let token = pair.write(2).await;
    for _ in 0..50 {
        assert_eq!(pair.accounts(Consistency::AtLeast(token)).await, Some(2));
    }
    // The store polls the replica's state twice a second, so it notices before the lag reaches its
    // limit.
    let noticed = async { while pair.accounts(Consistency::BoundedStaleness).await != Some(2) {} };
    let noticed = tokio::time::timeout(LONG_LAG_MAX * 2 / 3, noticed).await;
    noticed.expect("the promotion is noticed");
    // Further polls do not bring it back.
    let noticed_at = std::time::Instant::now();
    while noticed_at.elapsed() < Duration::from_millis(1_500) {
        assert_eq!(pair.accounts(Consistency::BoundedStaleness).await, Some(2));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All indexes, counts and times, with the primary stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_of_orders_are_read_from_a_replica() {
    let pair = skip_unless!(Pair::new(LONG_LAG_MAX).await);
    let fixture = &pair.workspace.fixture;
    let placed = fixture.new_order(7, account_id(1), None);
    let State::Order(order) = placed.state.clone() else {
        panic!("an order")
    };
    let written: AppendOutcome = fixture
        .stores
        .journal
        .append(placed)
        .await
        .expect("written");
    assert_eq!(written.version, 1);
    let token = fixture.stores.replicas.token().await;
    let token = token.expect("there is a replica");
    wait_until(|| pair.on_replica("SELECT count(*) FROM customer_order") == "1").await;
    blocking(|| pair.workspace.server.stop_fast()).expect("stops");

    let consistency = Consistency::AtLeast(token);
    let lists = fixture.stores.replicas.read_model(consistency).await;
    let by_creation = OrderInterval::Creation {
        after: None,
        before: None,
    };
    let by_total = OrderInterval::Total {
        after: None,
        before: None,
    };
    let product = |number| OrderFilter {
        product: Some(ProductId::from_uuid(Uuid::from_u128(number))),
        ..OrderFilter::default()
    };
    let status = |status| OrderFilter {
        statuses: Some(vec![status]),
        ..OrderFilter::default()
    };
    let totals = OrderFilter {
        totals: Some(TotalRange::all(Currency::USD)),
        ..OrderFilter::default()
    };
    for (filter, interval, found) in [
        (OrderFilter::default(), by_creation, 1),
        (product(5), by_creation, 1),
        (product(6), by_creation, 0),
        (status(OrderStatus::Created), by_creation, 1),
        (status(OrderStatus::Completed), by_creation, 0),
        (totals, by_total, 1),
    ] {
        let page = OrderListPage {
            interval,
            take: 10,
            from_end: false,
        };
        let slice = lists.order_page(&filter, page, &UnlimitedBudget).await;
        assert_eq!(slice.expect("reads").orders.len(), found, "{filter:?}");
        let rows = found as u64;
        let count = lists.count_orders(&filter).await.expect("counts");
        let exact = RowCount {
            rows,
            is_lower_bound: false,
        };
        assert_eq!(count, exact, "{filter:?}");
    }
    let times = lists.order_times(&[(order.id, 1)]).await.expect("reads");
    assert_eq!(times[0].updated_at, Timestamp::from_micros(7_000_000));
}
