//! A PostgreSQL server that a measurement prepares: connections to it, and why one failed.

use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::{sleep, timeout};

/// For one attempt to connect: a server that is starting refuses at once.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Between two attempts.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Why a database could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL cannot be read.
    #[error(
        "the database URL cannot be read: {0}. It looks like postgres://user:password@host:5432/database"
    )]
    Url(String),
    /// The server did not let us in, or refused a statement.
    #[error("the database {server} could not be prepared: {reason}")]
    Failed {
        /// Host, port and database, without the password.
        server: String,
        /// What the system or the server said.
        reason: String,
    },
}

/// A server, by its URL.
pub(crate) struct Server {
    options: PgConnectOptions,
}

impl Server {
    /// The server at `url`.
    ///
    /// # Errors
    /// [`DatabaseError::Url`] when `url` is not one of PostgreSQL.
    pub(crate) fn new(url: &str) -> Result<Self, DatabaseError> {
        let options = PgConnectOptions::from_str(url);
        let options = options.map_err(|failure| DatabaseError::Url(failure.to_string()))?;
        Ok(Self { options })
    }

    /// A failure of this server.
    pub(crate) fn failed(&self, failure: &sqlx::Error) -> DatabaseError {
        self.failure(failure.to_string())
    }

    fn failure(&self, reason: String) -> DatabaseError {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        let database = self.options.get_database().unwrap_or_default();
        DatabaseError::Failed {
            server: format!("{host}:{port}/{database}"),
            reason,
        }
    }

    /// Connects under the application name `name`.
    ///
    /// # Errors
    /// [`DatabaseError::Failed`] with what the server said.
    pub(crate) async fn connect(&self, name: &str) -> Result<PgConnection, DatabaseError> {
        let options = self.options.clone().application_name(name);
        match timeout(CONNECT_MAX, PgConnection::connect_with(&options)).await {
            Ok(opened) => opened.map_err(|failure| self.failed(&failure)),
            Err(_) => Err(self.failure(format!("no connection within {CONNECT_MAX:?}"))),
        }
    }

    /// Connects, and tries again until `wait` is over: the server may be restarting.
    ///
    /// # Errors
    /// As [`Self::connect`], of the last attempt.
    pub(crate) async fn connect_within(
        &self,
        wait: Duration,
        name: &str,
    ) -> Result<PgConnection, DatabaseError> {
        let until = Instant::now() + wait;
        loop {
            match self.connect(name).await {
                Err(_) if Instant::now() + RETRY_AFTER < until => sleep(RETRY_AFTER).await,
                outcome => return outcome,
            }
        }
    }
}
