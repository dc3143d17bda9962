//! The first connection of a program to a server. It refuses poolers that give a session of the
//! server to several connections: neither limits nor locks hold there.

use std::time::Duration;

use backon::Retryable;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, timeout};
use tracing::warn;

use super::connect_error::{connect_error, shared};
use super::error::PostgresError;
use super::server::{CONNECT_MAX, Server};
use super::session::SessionConfig;
use crate::backoff;

/// The `application_name` of the second connection.
const CHECK: &str = "fritzy check";

impl Server {
    /// Opens the first connection; retries for `wait` while the server is unreachable.
    pub(super) async fn connect_first(
        &self,
        wait: Duration,
        session: &SessionConfig,
    ) -> Result<PgConnection, PostgresError> {
        let connection = self.connect_within(wait, session).await?;
        let second = self.connect(&self.options(CHECK)).await?;
        self.refuse_shared(session, connection, second).await
    }

    /// The same for a program that only reads: a standby is as good.
    pub(super) async fn connect_first_to_read(
        &self,
        session: &SessionConfig,
    ) -> Result<PgConnection, PostgresError> {
        let connection = self.connect_to_read(session).await?;
        let second = self.connect_to_read(&self.options(CHECK)).await?;
        self.refuse_shared(session, connection, second).await
    }

    async fn connect_to_read(
        &self,
        session: &SessionConfig,
    ) -> Result<PgConnection, PostgresError> {
        let options = self.hosts().found().clone();
        let options = options.application_name(session.name());
        let opening = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            session.apply(&mut connection).await?;
            Ok(connection)
        };
        let opened = timeout(CONNECT_MAX, opening).await;
        let opened = opened.map_err(|_| self.does_not_respond())?;
        opened.map_err(|failure| connect_error(self.name(), &failure))
    }

    /// Returns the first connection, if the second one has not taken its session.
    async fn refuse_shared(
        &self,
        session: &SessionConfig,
        mut first: PgConnection,
        second: PgConnection,
    ) -> Result<PgConnection, PostgresError> {
        let lost = timeout(CONNECT_MAX, session.lost(&mut first)).await;
        let _ = second.close().await;
        match lost {
            Ok(Ok(None)) => Ok(first),
            Ok(Ok(Some(setting))) => Err(shared(self.name(), &setting)),
            Ok(Err(failure)) => Err(connect_error(self.name(), &failure)),
            Err(_) => Err(self.does_not_respond()),
        }
    }

    fn does_not_respond(&self) -> PostgresError {
        PostgresError::Unreachable {
            server: self.name(),
            reason: "it does not respond".into(),
        }
    }

    /// Connects; retries for `wait` while the server is unreachable.
    async fn connect_within(
        &self,
        wait: Duration,
        session: &SessionConfig,
    ) -> Result<PgConnection, PostgresError> {
        let until = Instant::now() + wait;
        let in_time = move |delay: &Duration| Instant::now() + *delay < until;
        (|| self.connect(session))
            .retry(backoff::full_jitter().take_while(in_time))
            .when(|failure| matches!(failure, PostgresError::Unreachable { .. }))
            .notify(|failure, _| warn!(%failure, "waiting for the database"))
            .await
    }
}
