//! A server, a proxy in front of it, stores that connect through the proxy, and what their clients
//! observed.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fritzy_domain::{Append, AppendError, AppendOutcome, Position};
use fritzy_persistence::{PostgresConfig, Stores, VerifyProgress, verify_postgres};
use fritzy_testbed::{ChaosProxy, Hold, PostgresServer, ServiceError};
use fritzy_types::{Deadline, ShardCount};
use futures_util::future::join_all;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use crate::fixture::{Fixture, SHARDS, TEST_TIMEOUT, node};

/// The start of the statement that writes a batch; holds of the proxy recognise it.
pub(crate) const BATCH: &str = "INSERT INTO journal";

/// One shop whose database meets faults.
pub(crate) struct Workspace {
    pub(crate) server: PostgresServer,
    pub(crate) proxy: ChaosProxy,
    pub(crate) fixture: Fixture,
    /// The settings that the stores were opened with.
    pub(crate) config: PostgresConfig,
}

/// An append, and the result that its client received.
#[derive(Debug)]
pub(crate) struct ClientObservation {
    pub(crate) append: Append,
    pub(crate) result: Result<AppendOutcome, AppendError>,
}

impl ClientObservation {
    /// Returns the position of the first event, if it was acknowledged.
    pub(crate) fn first_position(&self) -> Result<Position, &AppendError> {
        self.result.as_ref().map(|outcome| outcome.first)
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        self.result.is_ok()
    }

    /// Whether the client knows that nothing was written, and may try again.
    pub(crate) fn is_unavailable(&self, certainly_not_written: bool) -> bool {
        match &self.result {
            Err(AppendError::Unavailable {
                certainly_not_written: certainly,
                ..
            }) => *certainly == certainly_not_written,
            _ => false,
        }
    }
}

impl Workspace {
    /// Starts a server for one test, for [`skip_unless!`](fritzy_testbed::skip_unless).
    pub(crate) async fn new() -> Result<Self, ServiceError> {
        let server = PostgresServer::start(fritzy_testbed::PostgresConfig::default())?;
        Ok(Self::on(server).await)
    }

    pub(crate) async fn on(server: PostgresServer) -> Self {
        Self::with(server, |_| {}).await
    }

    /// Opens the stores with changed settings.
    pub(crate) async fn with(
        server: PostgresServer,
        change: impl FnOnce(&mut PostgresConfig),
    ) -> Self {
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()));
        let proxy = ChaosProxy::start(upstream).expect("a port");
        let port = format!(":{}/", server.port());
        let through = format!(":{}/", proxy.address().port());
        let mut config = PostgresConfig {
            shards: ShardCount::new(SHARDS).expect("in range"),
            ..PostgresConfig::new(server.url("postgres").replace(&port, &through))
        };
        change(&mut config);
        let stores = Stores::open_postgres(config.clone()).await.expect("opens");
        let fixture = Fixture::claimed_by(node(1), stores).await;
        Self {
            server,
            proxy,
            fixture,
            config,
        }
    }

    /// Makes the creation of an account, whose client waits for [`TEST_TIMEOUT`].
    pub(crate) fn new_account(&self, number: u128) -> Append {
        self.new_account_within(TEST_TIMEOUT, number)
    }

    pub(crate) fn new_account_within(&self, timeout: Duration, number: u128) -> Append {
        Append {
            deadline: Deadline::at(Instant::now() + timeout),
            ..self.fixture.new_account(number)
        }
    }

    pub(crate) async fn append(&self, append: Append) -> ClientObservation {
        let result = self.fixture.stores.journal.append(append.clone()).await;
        ClientObservation { append, result }
    }

    pub(crate) async fn create_account(&self, number: u128) -> ClientObservation {
        self.append(self.new_account(number)).await
    }

    /// Creates `count` accounts concurrently, numbered from `from`.
    pub(crate) async fn create_accounts(&self, from: u128, count: u128) -> Vec<ClientObservation> {
        join_all((from..from + count).map(|number| self.create_account(number))).await
    }

    /// Compares what clients observed with the journal, and the database with the invariants. What
    /// was acknowledged is there once (I1); what was certainly not written is absent. Reads from
    /// the server directly.
    pub(crate) async fn audit(&self, observed: &[ClientObservation]) {
        self.audit_on(&self.server, observed).await;
    }

    pub(crate) async fn audit_on(&self, server: &PostgresServer, observed: &[ClientObservation]) {
        let url = server.url("postgres");
        let found = events_of(&url, observed).await;
        for ClientObservation { append, result } in observed {
            let entity = append.entity.as_uuid();
            let found = found.get(entity).copied().unwrap_or_default();
            match result {
                Ok(_) => assert_eq!(found, 1, "I1: {entity} was acknowledged"),
                Err(failure) if failure.certainly_not_written() => {
                    assert_eq!(found, 0, "{entity} was refused: {failure}");
                }
                Err(_) => assert!(found <= 1, "{entity}: {found}"),
            }
        }
        let report = verify_postgres(&url, 10, &VerifyProgress::default()).await;
        let report = report.expect("the database is read");
        assert_eq!(report.total(), 0, "{:?}", report.violations);
    }
}

/// Counts the events of each entity.
async fn events_of(url: &str, observed: &[ClientObservation]) -> HashMap<Uuid, i64> {
    let mut connection = PgConnection::connect(url).await.expect("connects");
    let ids: Vec<Uuid> = observed
        .iter()
        .map(|observed| *observed.append.entity.as_uuid())
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

/// Counts the acknowledged appends.
pub(crate) fn acknowledged(observed: &[ClientObservation]) -> usize {
    let acknowledged = |observed: &&ClientObservation| observed.is_acknowledged();
    observed.iter().filter(acknowledged).count()
}

impl Workspace {
    fn count(&self, statement: &str) -> usize {
        let printed = self.server.psql("postgres", statement).expect("runs");
        printed.trim().parse().expect("a number")
    }

    pub(crate) fn journal_rows(&self) -> usize {
        self.count("SELECT count(*) FROM journal")
    }

    pub(crate) fn cursor_rows(&self) -> usize {
        self.count("SELECT count(*) FROM projection_cursor")
    }

    /// Waits until the server has executed a batch and only lacks the message that commits it.
    pub(crate) async fn wait_until_executed(&self, hold: &Hold) {
        wait_until_held(hold);
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fritzy committer'
            AND state = 'active' AND wait_event = 'ClientRead'";
        wait_until(|| self.count(waiting) > 0).await;
    }

    pub(crate) fn lock_waiters(&self) -> usize {
        self.count("SELECT count(*) FROM pg_locks WHERE NOT granted")
    }
}

/// Waits until the proxy holds back the batch.
pub(crate) fn wait_until_held(hold: &Hold) {
    let held = blocking(|| hold.wait_held(TEST_TIMEOUT));
    assert!(held, "the batch was sent");
}

pub(crate) fn blocking<T>(wait: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(wait)
}

/// Polls without a pause; each poll takes as long as the server's response.
pub(crate) async fn wait_until(mut condition: impl FnMut() -> bool) {
    let polling = async {
        while !blocking(&mut condition) {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(TEST_TIMEOUT, polling).await;
    waited.expect("the condition holds in time");
}
