//! The servers of a database URL, of which one is in use at a time.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Row};
use tokio::sync::watch;
use tokio::time::timeout;

use super::database_url::{DatabaseUrl, TargetState};

/// The servers of a URL, in its order, and the one that was found to be in the required state last.
pub(super) struct Hosts {
    servers: Vec<PgConnectOptions>,
    target: TargetState,
    found: watch::Sender<usize>,
}

impl Hosts {
    pub(super) fn new(url: &DatabaseUrl) -> Self {
        // Poolers refuse parameters that they do not know; all floats of fritzy's are binary.
        let servers = url.servers().iter().cloned();
        Self {
            servers: servers.map(|at| at.extra_float_digits(None)).collect(),
            target: url.target(),
            found: watch::Sender::new(0),
        }
    }

    pub(super) fn servers(&self) -> &[PgConnectOptions] {
        &self.servers
    }

    /// Whether a server must be in some state.
    pub(super) fn requires_state(&self) -> bool {
        self.target != TargetState::Any
    }

    /// Notes that the server `at` is in the required state.
    pub(super) fn set_found(&self, at: usize) {
        self.found
            .send_if_modified(|found| std::mem::replace(found, at) != at);
    }

    /// The server that was found last, or the first one.
    pub(super) fn found(&self) -> &PgConnectOptions {
        &self.servers[*self.found.borrow()]
    }

    /// Changes whenever another server is found.
    pub(super) fn watch(&self) -> watch::Receiver<usize> {
        self.found.subscribe()
    }

    /// Looks for a server that is a standby, where there are several. Each has this long to respond.
    pub(super) async fn find_standby(&self, response_max: Duration) {
        if self.servers.len() == 1 {
            return;
        }
        for (at, server) in self.servers.iter().enumerate() {
            if matches!(
                timeout(response_max, is_standby(server)).await,
                Ok(Ok(true))
            ) {
                return self.set_found(at);
            }
        }
    }

    /// Why a server is not in the required state.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(super) async fn unfit(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Option<&'static str>, sqlx::Error> {
        if !self.requires_state() {
            return Ok(None);
        }
        let row =
            sqlx::query("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')")
                .persistent(false)
                .fetch_one(connection)
                .await?;
        let (is_standby, read_only): (bool, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok(match self.target {
            _ if is_standby => Some("it is a standby"),
            TargetState::ReadWrite if read_only == "on" => Some("its transactions are read-only"),
            _ => None,
        })
    }

    /// The addresses without credentials, for messages.
    pub(super) fn name(&self) -> String {
        let addresses: Vec<String> = self.servers.iter().map(address).collect();
        named(&addresses.join(","), &self.servers[0])
    }

    /// The same of one server.
    pub(super) fn name_of(server: &PgConnectOptions) -> String {
        named(&address(server), server)
    }
}

fn named(addresses: &str, server: &PgConnectOptions) -> String {
    let database = server.get_database();
    let database = database.unwrap_or_else(|| server.get_username());
    format!("{addresses}/{database}")
}

async fn is_standby(server: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let options = server.clone().application_name("fritzy start");
    let mut connection = PgConnection::connect_with(&options).await?;
    let row = sqlx::query("SELECT pg_is_in_recovery()")
        .fetch_one(&mut connection)
        .await?;
    // A server that does not respond any more closes it as well.
    let _ = connection.close().await;
    row.try_get(0)
}

/// The address of a server, as in a URL.
fn address(server: &PgConnectOptions) -> String {
    let (host, port) = (server.get_host(), server.get_port());
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
