//! A server, a proxy in front of it, stores behind the proxy, and what clients were told.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fritzy_domain::{Append, AppendError, AppendOutcome};
use fritzy_persistence::{PostgresConfig, Stores, VerifyProgress, verify_postgres};
use fritzy_testbed::{ChaosProxy, Hold, PostgresServer, ServiceError, skipped};
use fritzy_types::Deadline;
use futures_util::future::join_all;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::fixture::{Fixture, SHARDS, node};

/// How long a client waits.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);

/// Parts of the shop that meet faults.
pub(crate) struct Ground {
    pub(crate) server: PostgresServer,
    pub(crate) proxy: ChaosProxy,
    pub(crate) fixture: Fixture,
}

/// What became of an append, as its client was told.
pub(crate) type Told = (Append, Result<AppendOutcome, AppendError>);

/// A server of the test's own; `None` where this machine has none.
pub(crate) fn server(test: &str, config: fritzy_testbed::PostgresConfig) -> Option<PostgresServer> {
    match PostgresServer::start(config) {
        Ok(server) => Some(server),
        Err(missing @ ServiceError::Missing { .. }) => {
            skipped(test, &missing.to_string());
            None
        }
        Err(failure) => panic!("{failure}"),
    }
}

impl Ground {
    pub(crate) async fn new(test: &str) -> Option<Self> {
        let server = server(test, fritzy_testbed::PostgresConfig::default())?;
        Some(Self::on(server).await)
    }

    pub(crate) async fn on(server: PostgresServer) -> Self {
        Self::with(server, |_| {}).await
    }

    /// With settings of its own.
    pub(crate) async fn with(
        server: PostgresServer,
        change: impl FnOnce(&mut PostgresConfig),
    ) -> Self {
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
        let proxy = ChaosProxy::start(upstream).expect("a port");
        let port = format!(":{}/", server.port());
        let through = format!(":{}/", proxy.address().port());
        let mut config = PostgresConfig {
            shards: fritzy_types::ShardCount::new(SHARDS).expect("in range"),
            ..PostgresConfig::new(server.url("postgres").replace(&port, &through))
        };
        change(&mut config);
        let stores = Stores::open_postgres(config).await.expect("opens");
        let shards: Vec<_> = stores.ownership.shard_count().all().collect();
        let leases = stores.ownership.claim(node(1), &shards).await;
        let fixture = Fixture::on(stores, leases.expect("claims"));
        Self {
            server,
            proxy,
            fixture,
        }
    }

    /// An account's creation whose client waits for so long.
    pub(crate) fn account(&self, number: u128, waits: Duration) -> Append {
        Append {
            deadline: Deadline::at(Instant::now() + waits),
            ..self.fixture.new_account(number)
        }
    }

    pub(crate) async fn tell(&self, append: Append) -> Told {
        let answer = self.fixture.stores.journal.append(append.clone()).await;
        (append, answer)
    }

    /// Appends many at once, from account number `from` on.
    pub(crate) async fn tell_many(&self, from: u128, count: u128, waits: Duration) -> Vec<Told> {
        let appends = (from..from + count).map(|number| self.account(number, waits));
        join_all(appends.map(|append| self.tell(append))).await
    }

    /// Compares what clients were told with the journal, and the database with the invariants: what was
    /// acknowledged is there once, what was certainly refused is not. Asks the server itself.
    pub(crate) async fn audit(&self, told: &[Told]) {
        self.audit_on(&self.server, told).await;
    }

    pub(crate) async fn audit_on(&self, server: &PostgresServer, told: &[Told]) {
        let url = server.url("postgres");
        let found = events_of(&url, told).await;
        for (append, answer) in told {
            let entity = append.entity.as_uuid();
            let found = found.get(entity).copied().unwrap_or_default();
            match answer {
                Ok(_) => assert_eq!(found, 1, "I1: {entity} was acknowledged"),
                Err(failure) if failure.certainly_not_written() => {
                    assert_eq!(found, 0, "{entity} was refused: {failure}");
                }
                Err(_) => assert!(found <= 1, "{entity}: {found}"),
            }
        }
        let report = verify_postgres(&url, 10, &VerifyProgress::default()).await;
        let report = report.expect("checks");
        assert_eq!(report.total(), 0, "{:?}", report.violations);
    }
}

/// How many events each entity has.
async fn events_of(url: &str, told: &[Told]) -> HashMap<Uuid, i64> {
    let mut connection = PgConnection::connect(url).await.expect("connects");
    let ids: Vec<Uuid> = told
        .iter()
        .map(|(append, _)| *append.entity.as_uuid())
        .collect();
    let rows = sqlx::query(
        "SELECT entity_id, count(*) FROM journal WHERE entity_id = ANY($1) GROUP BY entity_id",
    )
    .bind(ids)
    .fetch_all(&mut connection)
    .await
    .expect("reads");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// How many were acknowledged.
pub(crate) fn acknowledged(told: &[Told]) -> usize {
    told.iter().filter(|(_, answer)| answer.is_ok()).count()
}

impl Ground {
    fn ask(&self, statement: &str) -> usize {
        let told = self.server.psql("postgres", statement).expect("asked");
        told.trim().parse().expect("a number")
    }

    pub(crate) fn rows(&self) -> usize {
        self.ask("SELECT count(*) FROM journal")
    }

    /// Waits until the server has carried out a batch, and waits for the word that commits it.
    pub(crate) async fn until_written(&self, hold: &Hold) {
        assert!(blocking(|| hold.wait_held(PATIENT)), "the batch was sent");
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fritzy committer'
            AND state = 'active' AND wait_event = 'ClientRead'";
        until(|| self.ask(waiting) > 0).await;
    }

    pub(crate) fn waiting_for_locks(&self) -> usize {
        self.ask("SELECT count(*) FROM pg_locks WHERE NOT granted")
    }
}

pub(crate) fn blocking<T>(wait: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(wait)
}

/// Asks again and again, each time taking as long as the server takes to answer.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let asking = async {
        while !blocking(&mut holds) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(PATIENT, asking).await;
    waited.expect("it becomes so");
}
