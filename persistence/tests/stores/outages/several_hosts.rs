//! A database URL with several servers: every connection goes to the one in the required state.

use std::time::Duration;

use fritzy_domain::{Page, UnlimitedBudget};
use fritzy_persistence::{
    CursorAdmin, EventTail, PostgresConfig as StoreConfig, PostgresError, Stores, TailFrom,
    VerifyProgress, migrate_postgres, verify_postgres,
};
use fritzy_testbed::{PostgresConfig, PostgresServer, ServiceError, skip_unless};
use fritzy_types::{NodeId, ShardCount, ShardId};

use crate::fixture::{Fixture, SHARDS, TEST_TIMEOUT, node};
use crate::outages::workspace::{blocking, wait_until};

const LIST: Page = Page {
    skip: 0,
    take: 1_000,
};

struct Pair {
    primary: PostgresServer,
    standby: PostgresServer,
}

impl Pair {
    fn new() -> Result<Self, ServiceError> {
        let primary = PostgresServer::start(PostgresConfig::default())?;
        let standby = primary.standby(PostgresConfig::default());
        let standby = standby.expect("a standby");
        Ok(Self { primary, standby })
    }

    /// A URL of both servers, the standby first.
    fn url(&self, target: &str) -> String {
        let one = format!("127.0.0.1:{}", self.primary.port());
        let both = format!("127.0.0.1:{},{one}", self.standby.port());
        let url = self.primary.url("postgres").replace(&one, &both);
        format!("{url}?target_session_attrs={target}")
    }

    fn config(&self, target: &str) -> StoreConfig {
        StoreConfig {
            shards: ShardCount::new(SHARDS).expect("in range"),
            wait: Duration::ZERO,
            ..StoreConfig::new(self.url(target))
        }
    }

    fn standby_has(&self, accounts: usize) -> bool {
        let counted = self
            .standby
            .psql("postgres", "SELECT count(*) FROM account");
        counted.expect("runs").trim() == accounts.to_string()
    }
}

/// Uses each kind of connection of the stores.
async fn require_usable(stores: &Stores, accounts: usize) {
    let listed = stores.read_model.accounts(LIST, &UnlimitedBudget).await;
    assert_eq!(listed.expect("the pool reads").len(), accounts);
    let membership = stores.membership.as_ref().expect("on a server");
    // A lost connection is noticed by the first call on it; nodes repeat both each second.
    let calling = async {
        while membership.heartbeat(node(7)).await.is_err() {}
        while membership.read_state(None, &[]).await.is_err() {}
    };
    let called = tokio::time::timeout(TEST_TIMEOUT, calling).await;
    called.expect("the table of nodes is usable in time");
}

/// Appends until one is acknowledged: while the servers change, appends fail.
async fn write(fixture: &Fixture, number: u128) {
    let writing = async { while fixture.create_account(number).await.is_err() {} };
    let written = tokio::time::timeout(TEST_TIMEOUT, writing).await;
    written.expect("acknowledged in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standby_named_first_is_passed_over_by_all() {
    let pair = skip_unless!(Pair::new());
    for target in ["read-write", "primary"] {
        let config = pair.config(target);
        migrate_postgres(&config).await.expect("migrates");
        let stores = Stores::open_postgres(config.clone()).await.expect("opens");
        let fixture = Fixture::claimed_by(node(1), stores).await;
        let number = if target == "primary" { 2 } else { 1 };
        fixture.create_account(number).await.expect("written");
        require_usable(&fixture.stores, usize::try_from(number).expect("small")).await;
        let mut tail = EventTail::open_postgres(&config.url, &TailFrom::Start).await;
        let tail = tail.as_mut().expect("opens");
        tail.poll().await.expect("reads");
        assert!(tail.next().await.expect("reads").is_some());
        CursorAdmin::open_postgres(&config.url)
            .await
            .expect("opens");
        let verified = verify_postgres(&config.url, 10, &VerifyProgress::default()).await;
        assert_eq!(verified.expect("reads").total(), 0);
        fixture.stores.close().await;
        let on_standby =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'fritzy%'";
        let connected = pair.standby.psql("postgres", on_standby).expect("runs");
        assert_eq!(connected.trim(), "0", "nothing stays connected to it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promoted_standby_replaces_the_stopped_primary() {
    let pair = skip_unless!(Pair::new());
    let config = pair.config("read-write");
    let stores = Stores::open_postgres(config.clone()).await.expect("opens");
    let fixture = Fixture::claimed_by(node(1), stores).await;
    write(&fixture, 1).await;
    require_usable(&fixture.stores, 1).await;
    let mut tail = EventTail::open_postgres(&config.url, &TailFrom::Start).await;
    let tail = tail.as_mut().expect("opens");
    wait_until(|| pair.standby_has(1)).await;
    blocking(|| pair.primary.stop_fast()).expect("stops");
    blocking(|| pair.standby.promote()).expect("promoted");
    write(&fixture, 2).await;
    require_usable(&fixture.stores, 2).await;
    let shards: Vec<ShardId> = fixture.stores.ownership.shard_count().all().collect();
    let owner: NodeId = node(2);
    let claimed = fixture.stores.ownership.claim(owner, &shards).await;
    assert_eq!(claimed.expect("claims").len(), usize::from(SHARDS));
    tail.poll().await.expect("reads the promoted server");
    for _ in 0..2 {
        assert!(tail.next().await.expect("reads").is_some());
    }
    fixture.stores.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_server_in_the_required_state_is_refused() {
    let pair = skip_unless!(Pair::new());
    let refusal = async |target: &str| {
        let opened = Stores::open_postgres(pair.config(target)).await;
        opened.err().expect("refused")
    };
    // Any server will do, and the first one is a standby.
    let refused = refusal("any").await;
    let text = refused.to_string();
    assert!(matches!(refused, PostgresError::Standby { .. }), "{text}");
    assert!(text.contains("target_session_attrs=read-write"), "{text}");
    pair.primary
        .set("default_transaction_read_only", "on")
        .expect("set");
    let text = refusal("read-write").await.to_string();
    for part in ["it is a standby; ", "its transactions are read-only"] {
        assert!(text.contains(part), "{text}");
    }
    blocking(|| pair.primary.stop_fast()).expect("stops");
    let text = refusal("read-write").await.to_string();
    for server in [&pair.primary, &pair.standby] {
        assert!(
            text.contains(&format!("127.0.0.1:{}", server.port())),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv6_address_in_brackets_is_connected_to() {
    let config = PostgresConfig::default().with("listen_addresses", "127.0.0.1,::1");
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        fritzy_testbed::skip!("this machine has no IPv6");
    }
    let server = skip_unless!(PostgresServer::start(config));
    let url = server.url("postgres").replace("127.0.0.1", "[::1]");
    let stores = Stores::open_postgres(StoreConfig::new(&url)).await;
    stores.expect("opens").close().await;
    let stopped = url.replace(&format!(":{}", server.port()), ":1");
    let config = StoreConfig {
        wait: Duration::ZERO,
        ..StoreConfig::new(stopped)
    };
    let refused = Stores::open_postgres(config).await.err().expect("refused");
    assert!(
        refused.to_string().contains("[::1]:1/postgres"),
        "{refused}"
    );
}
