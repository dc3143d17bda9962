//! The PostgreSQL server that tests share, with a database for each of them.

use std::env;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use url::Url;

use crate::binaries;
use crate::error::ServiceError;
use crate::postgres::{PostgresConfig, PostgresServer, psql};

/// The URL of a superuser on a server that exists for tests; `cargo xtask services up` prints one.
pub const TEST_POSTGRES_VARIABLE: &str = "FRITZY_TEST_POSTGRES";

/// The server of this process, started on demand. It ends with the process, through its reaper.
static SHARED: Mutex<Option<TestPostgres>> = Mutex::new(None);

/// A server that tests share. Its databases exist as long as it does.
#[derive(Debug, Clone)]
pub struct TestPostgres {
    client: PathBuf,
    url: String,
    /// Owns the server; `None` when another program does.
    _server: Option<Arc<PostgresServer>>,
}

/// The server that `FRITZY_TEST_POSTGRES` names; without one, a server that this process starts
/// once and shares.
///
/// A test that breaks a server starts its own [`PostgresServer`] instead.
///
/// # Errors
/// [`ServiceError::Missing`] when this machine has no PostgreSQL, for
/// [`skip_unless!`](crate::skip_unless). Every other error is a failure of the test.
pub fn shared_postgres() -> Result<TestPostgres, ServiceError> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = &*shared {
        return Ok(shared.clone());
    }
    let made = match env::var(TEST_POSTGRES_VARIABLE) {
        Ok(url) => TestPostgres {
            client: binaries::psql()?,
            url,
            _server: None,
        },
        Err(_) => TestPostgres::start()?,
    };
    Ok(shared.insert(made).clone())
}

impl TestPostgres {
    fn start() -> Result<Self, ServiceError> {
        let server = PostgresServer::start(PostgresConfig::shared_by_tests())?;
        Ok(Self {
            client: binaries::psql()?,
            url: server.url("postgres"),
            _server: Some(Arc::new(server)),
        })
    }

    /// The superuser's URL: that of `FRITZY_TEST_POSTGRES`, or of the server started instead.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Creates an empty database that no other test uses, and returns its URL.
    ///
    /// # Errors
    /// When the server refuses, or cannot be reached.
    pub fn fresh_database(&self) -> Result<String, ServiceError> {
        let name = unique_name();
        self.psql(&format!("CREATE DATABASE {name} TEMPLATE template0"))?;
        with_database(&self.url, &name)
    }

    /// Drops a database by its URL, and disconnects its clients.
    ///
    /// # Errors
    /// As [`Self::psql`].
    pub fn drop_database(&self, url: &str) -> Result<(), ServiceError> {
        let address = url.split('?').next().unwrap_or_default();
        let name = address.rsplit('/').next().unwrap_or_default();
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        self.psql(&drop).map(|_| ())
    }

    /// The names of all databases that begin with `beginning`.
    ///
    /// # Errors
    /// As [`Self::psql`].
    pub fn databases(&self, beginning: &str) -> Result<Vec<String>, ServiceError> {
        // The first column of psql's own list is the name.
        let list = self.psql(r"\l")?;
        let names = list.lines().filter_map(|line| line.split('|').next());
        let names = names.filter(|name| name.starts_with(beginning));
        Ok(names.map(str::to_owned).collect())
    }

    /// Runs SQL in another database of the server, as [`Self::psql`] does.
    ///
    /// # Errors
    /// As [`Self::psql`].
    pub fn psql_on(&self, database: &str, sql: &str) -> Result<String, ServiceError> {
        psql(&self.client, &with_database(&self.url, database)?, sql)
    }

    /// Runs SQL in the superuser's database and returns its rows, one per line, columns separated
    /// by `|`.
    ///
    /// # Errors
    /// When the server refuses it, cannot be reached, or does not respond within 60 s.
    pub fn psql(&self, sql: &str) -> Result<String, ServiceError> {
        psql(&self.client, &self.url, sql)
    }
}

/// Unique among all test processes that ever share a server.
fn unique_name() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "fritzy_test_{}_{}_{number}",
        std::process::id(),
        now.as_micros()
    )
}

/// The URL with another database. All parameters are kept.
fn with_database(url: &str, database: &str) -> Result<String, ServiceError> {
    let parsed = Url::parse(url);
    let mut url = parsed.map_err(|failure| ServiceError::failed("reading a URL", failure))?;
    url.set_path(database);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_with_another_database_keeps_all_other_parts() {
        for (url, expected) in [
            ("postgres://u:p@h:5/postgres", "postgres://u:p@h:5/x"),
            (
                "postgres://u:p@h:5/postgres?sslmode=require",
                "postgres://u:p@h:5/x?sslmode=require",
            ),
            ("postgres://h", "postgres://h/x"),
            (
                "postgresql://h?host=/run/postgresql",
                "postgresql://h/x?host=/run/postgresql",
            ),
        ] {
            assert_eq!(with_database(url, "x").unwrap(), expected);
        }
    }

    #[test]
    fn database_names_are_unique() {
        assert_ne!(unique_name(), unique_name());
    }
}
