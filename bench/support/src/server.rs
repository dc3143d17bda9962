//! A PostgreSQL server on which databases are prepared: its connections and their errors.

use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::{sleep, timeout};

/// The time limit of one attempt to connect: a starting server rejects at once.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Why a database could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The URL is invalid.
    #[error("invalid database URL: {0}. The form is postgres://user:password@host:5432/database")]
    Url(String),
    /// The server rejected the connection or a statement.
    #[error("the database {server} could not be prepared: {reason}")]
    Failed {
        /// Host, port and database, without the password.
        server: String,
        /// The error of the system or of the server.
        reason: String,
    },
}

pub(crate) struct Server {
    options: PgConnectOptions,
}

impl Server {
    ///
    /// # Errors
    /// [`DatabaseError::Url`] when `url` is not a PostgreSQL URL.
    pub(crate) fn new(url: &str) -> Result<Self, DatabaseError> {
        let options = PgConnectOptions::from_str(url);
        let options = options.map_err(|failure| DatabaseError::Url(failure.to_string()))?;
        Ok(Self { options })
    }

    /// An error of this server.
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
    /// [`DatabaseError::Failed`] with the server's error, or after the time limit.
    pub(crate) async fn connect(&self, name: &str) -> Result<PgConnection, DatabaseError> {
        let options = self.options.clone().application_name(name);
        match timeout(CONNECT_MAX, PgConnection::connect_with(&options)).await {
            Ok(opened) => opened.map_err(|failure| self.failed(&failure)),
            Err(_) => Err(self.failure(format!("no connection within {CONNECT_MAX:?}"))),
        }
    }

    /// Connects, with retries for `wait`: the server may be restarting.
    ///
    /// # Errors
    /// The error of the last attempt, as in [`Self::connect`].
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
