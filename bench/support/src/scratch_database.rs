//! A database that is created for a measurement and dropped after it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use tracing::warn;
use url::Url;
use uuid::Uuid;

use crate::server::{DatabaseError, Server};

/// How long to wait for a server that restarts, so that no database is left on it.
const RESTART_MAX: Duration = Duration::from_secs(5);

/// The application name of connections that drop databases; a connection that creates one has the
/// database's name.
const REMOVER: &str = "fritzy bench";

/// The server settings on which figures about writes depend.
const REPORTED_SETTINGS: [&str; 14] = [
    "checkpoint_timeout",
    "commit_delay",
    "data_checksums",
    "fsync",
    "full_page_writes",
    "max_wal_size",
    "server_version",
    "shared_buffers",
    "synchronous_commit",
    "synchronous_standby_names",
    "wal_buffers",
    "wal_compression",
    "wal_level",
    "wal_sync_method",
];

/// An empty database with a unique name. Dropping the value drops the database.
#[derive(Debug)]
pub struct ScratchDatabase {
    server_url: String,
    name: String,
    url: String,
    info: ServerInfo,
    may_exist: bool,
}

/// Version and settings of a server.
#[derive(Clone, Debug, Default)]
pub struct ServerInfo {
    /// Its version, and the settings on which commits depend.
    pub settings: BTreeMap<String, String>,
    /// Its data directory, if the role may read it.
    pub data_directory: Option<PathBuf>,
    /// The process id of its checkpointer, a child of the main process that exists as long as the
    /// server, if the server is on this machine and the role may read it.
    pub process: Option<u32>,
}

impl ScratchDatabase {
    /// Creates a database on the server at `server_url`, whose role must be allowed to.
    ///
    /// # Errors
    /// [`DatabaseError`] when the server cannot be reached or a statement fails.
    pub async fn create(server_url: &str) -> Result<Self, DatabaseError> {
        Self::from(server_url, "template0 ENCODING 'UTF8'").await
    }

    /// Creates a copy of this database by copying its files. It must not be in use meanwhile.
    ///
    /// # Errors
    /// [`DatabaseError`] when the server cannot be reached or a statement fails.
    pub async fn copy(&self) -> Result<Self, DatabaseError> {
        let template = format!("{} STRATEGY file_copy", self.name);
        Self::from(&self.server_url, &template).await
    }

    /// Creates a copy of the database of this name, which the tool did not create. It must not be in
    /// use meanwhile.
    ///
    /// # Errors
    /// [`DatabaseError`] when the server cannot be reached or a statement fails.
    pub async fn copy_of(server_url: &str, existing: &str) -> Result<Self, DatabaseError> {
        Self::from(server_url, &format!("\"{existing}\" STRATEGY file_copy")).await
    }

    async fn from(server_url: &str, template: &str) -> Result<Self, DatabaseError> {
        let name = format!("fritzy_bench_{}", Uuid::now_v7().simple());
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        // Set before the statement is sent: a cancelled caller cannot know whether the server
        // executed it.
        let mut fresh = Self {
            url: with_database(server_url, &name)?,
            server_url: server_url.to_owned(),
            name,
            info: ServerInfo::default(),
            may_exist: true,
        };
        fresh.info = run(server_url, &fresh.name, vec![create]).await?;
        Ok(fresh)
    }

    /// Its URL: the server's URL with its name.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Version and settings of the server at the time of creation.
    pub fn info(&self) -> &ServerInfo {
        &self.info
    }

    /// Drops the database and closes its connections.
    ///
    /// # Errors
    /// [`DatabaseError`] when the server cannot be reached or a statement fails.
    pub async fn remove(mut self) -> Result<(), DatabaseError> {
        run(&self.server_url, REMOVER, self.removal()).await?;
        self.may_exist = false;
        Ok(())
    }

    /// Terminates the connection that creates the database first; otherwise it could appear after
    /// the drop.
    fn removal(&self) -> Vec<String> {
        let name = &self.name;
        vec![
            format!(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '{name}'"
            ),
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        ]
    }
}

/// Drops the database after an error or an interrupt.
impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        if !self.may_exist {
            return;
        }
        let (server_url, removal) = (self.server_url.clone(), self.removal());
        // A separate runtime, because the current one must not be blocked on here.
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime
                .is_ok_and(|runtime| runtime.block_on(run(&server_url, REMOVER, removal)).is_ok())
        });
        if !matches!(removing.join(), Ok(true)) {
            warn!(
                database = self.name,
                "a database was left on the server; drop it manually"
            );
        }
    }
}

/// Reads version and settings of the server at `url`.
///
/// # Errors
/// [`DatabaseError`] when the server cannot be reached or a statement fails.
pub async fn server_info(url: &str) -> Result<ServerInfo, DatabaseError> {
    let server = Server::new(url)?;
    let mut connection = server.connect("fritzy bench").await?;
    let read = read_server_info(&mut connection).await;
    let info = read.map_err(|failure| server.failed(&failure))?;
    let _ = connection.close().await;
    Ok(info)
}

/// Runs statements of this file under this application name, and reads the server's settings.
async fn run(
    server_url: &str,
    name: &str,
    statements: Vec<String>,
) -> Result<ServerInfo, DatabaseError> {
    let server = Server::new(server_url)?;
    let mut connection = server.connect_within(RESTART_MAX, name).await?;
    let running = async {
        sqlx::raw_sql("SET statement_timeout = 0")
            .execute(&mut connection)
            .await?;
        for statement in statements {
            sqlx::query(AssertSqlSafe(statement))
                .execute(&mut connection)
                .await?;
        }
        read_server_info(&mut connection).await
    };
    let info = running.await.map_err(|failure| server.failed(&failure))?;
    let _ = connection.close().await;
    Ok(info)
}

async fn read_server_info(connection: &mut PgConnection) -> Result<ServerInfo, sqlx::Error> {
    let names: Vec<String> = REPORTED_SETTINGS.map(str::to_owned).to_vec();
    let rows = sqlx::query(
        "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY($1) AND setting <> ''",
    )
    .bind(names)
    .fetch_all(&mut *connection)
    .await?;
    let mut settings = BTreeMap::new();
    for row in rows {
        settings.insert(row.try_get(0)?, row.try_get(1)?);
    }
    // Values that the role may not read are null. A connection over a Unix socket has no address.
    let row = sqlx::query(
        "SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
            (SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'
                AND coalesce(inet_server_addr() << '127.0.0.0/8' OR inet_server_addr() = '::1', true))",
    )
    .fetch_one(connection)
    .await?;
    let (folder, pid): (Option<String>, Option<i32>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(ServerInfo {
        settings,
        data_directory: folder.map(PathBuf::from),
        process: pid.and_then(|pid| pid.try_into().ok()),
    })
}

/// The server's URL with another database. All parameters are kept, because programs know different
/// ones.
fn with_database(server_url: &str, database: &str) -> Result<String, DatabaseError> {
    let url = Url::parse(server_url);
    let mut url = url.map_err(|failure| DatabaseError::Url(failure.to_string()))?;
    url.set_path(database);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_with_another_database_keeps_the_rest() {
        for (url, expected) in [
            ("postgres://u:p@h:5/postgres", "postgres://u:p@h:5/x"),
            (
                "postgres://h?sslmode=require",
                "postgres://h/x?sslmode=require",
            ),
            (
                "postgresql://h/y?host=/run/postgresql",
                "postgresql://h/x?host=/run/postgresql",
            ),
        ] {
            assert_eq!(with_database(url, "x").expect("a URL"), expected);
        }
    }
}
