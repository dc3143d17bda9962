//! The baseline server of the load tester: the same HTTP code and the same GraphQL types as a node,
//! but the resolver of `accounts(id:)` reads from a hash map. The difference to a node is the cost
//! of its actors.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
use fritzy_domain::{Account, AccountId, AccountPersonal, Annotations, Stored};
use fritzy_types::Timestamp;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use fritzy_gateway::{
    AccountObject, AnySchema, ConnectionLimits, FieldResult, HttpConfig, HttpMetrics,
    PaginationInput, Readiness, Row, Scrape, rejected, routes, serve,
};

/// A server that reads accounts from a hash map.
pub struct BaselineServer {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl BaselineServer {
    /// Serves `accounts`, each an id and a name.
    ///
    /// # Errors
    /// An [`io::Error`] when the address cannot be bound or an id is invalid.
    pub async fn start(listen: SocketAddr, accounts: Vec<(String, String)>) -> io::Result<Self> {
        let account = |(id, name): (String, String)| {
            let id = AccountId::parse(&id, "id").map_err(io::Error::other)?;
            let created_at = Timestamp::from_micros(0);
            let personal = AccountPersonal { name };
            Ok((
                id,
                Account {
                    id,
                    created_at,
                    closed: false,
                    personal,
                    annotations: Annotations::default(),
                },
            ))
        };
        let accounts = accounts
            .into_iter()
            .map(account)
            .collect::<io::Result<HashMap<_, _>>>()?;
        let schema = Schema::new(BaselineQuery(accounts), EmptyMutation, EmptySubscription);
        let sdl = schema.sdl();
        let schema = AnySchema::new(schema, &sdl);
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let readiness = Readiness::default();
        readiness.set(true);
        let config = HttpConfig::unlimited(Duration::from_secs(10), 1 << 20);
        let (stop, stopped) = oneshot::channel();
        let mut registry = Registry::default();
        let metrics = HttpMetrics::new(["accounts".into()], &mut registry);
        let scrape = Scrape {
            registry,
            queue: Gauge::default(),
            queue_len: Box::new(|| 0),
        };
        let routes = routes(schema, config, readiness, metrics, scrape, None);
        let limits = ConnectionLimits {
            max: Semaphore::MAX_PERMITS,
            head_timeout: Duration::from_secs(60),
        };
        let serving = serve(listener, routes, limits, async {
            let _ = stopped.await;
        });
        Ok(Self {
            address,
            stop,
            serving: tokio::spawn(serving),
        })
    }

    /// The address on which it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops after the requests in flight have ended.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.serving.await;
    }
}

struct BaselineQuery(HashMap<AccountId, Account>);

/// The one field of the real schema that is measured.
#[Object(name = "Query")]
impl BaselineQuery {
    async fn accounts(
        &self,
        #[graphql(name = "pagination")] _pagination: Option<PaginationInput>,
        id: Option<String>,
    ) -> FieldResult<Vec<Row<AccountObject>>> {
        let Some(id) = id else { return Ok(Vec::new()) };
        let id = AccountId::parse(&id, "id").map_err(rejected)?;
        let found = self
            .0
            .get(&id)
            .cloned()
            .map(|state| Row(Stored { version: 1, state }.into()));
        Ok(found.into_iter().collect())
    }
}
