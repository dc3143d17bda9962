//! A database that is made for a measurement, and gone after it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use tracing::warn;
use uuid::Uuid;

use crate::server::{DatabaseError, Server};

/// A server that has just been restarted is waited for so long: nothing is left behind on it.
const RESTART_MAX: Duration = Duration::from_secs(5);

/// As whom databases are dropped: one that is being made is made under its own name.
const REMOVER: &str = "fritzy bench";

/// What a figure about writing depends on.
const TOLD: [&str; 14] = [
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

/// An empty database with a name of its own. Dropped, it is dropped on the server as well.
#[derive(Debug)]
pub struct ScratchDatabase {
    server_url: String,
    name: String,
    url: String,
    about: AboutServer,
    may_exist: bool,
}

/// What a server tells of itself.
#[derive(Clone, Debug, Default)]
pub struct AboutServer {
    /// Its version, and the settings that commits depend on.
    pub settings: BTreeMap<String, String>,
    /// Where its data is, if the role may know it.
    pub data_directory: Option<PathBuf>,
    /// A child of its first process that lives as long as the server, if it was reached on this machine and the role
    /// may know it.
    pub process: Option<u32>,
}

impl ScratchDatabase {
    /// Makes one on the server at `server_url`, whose role must be allowed to.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn create(server_url: &str) -> Result<Self, DatabaseError> {
        Self::from(server_url, "template0 ENCODING 'UTF8'").await
    }

    /// Makes another with the same in it, by copying its files. Nobody may use it meanwhile.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn copy(&self) -> Result<Self, DatabaseError> {
        let template = format!("{} STRATEGY file_copy", self.name);
        Self::from(&self.server_url, &template).await
    }

    async fn from(server_url: &str, template: &str) -> Result<Self, DatabaseError> {
        let name = format!("fritzy_bench_{}", Uuid::now_v7().simple());
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        // From now on: whoever stops waiting does not know how far the server has come.
        let mut fresh = Self {
            url: with_database(server_url, &name),
            server_url: server_url.to_owned(),
            name,
            about: AboutServer::default(),
            may_exist: true,
        };
        fresh.about = run(server_url, &fresh.name, vec![create]).await?;
        Ok(fresh)
    }

    /// Its address: the server's with its name.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the server told when it was made.
    pub fn about(&self) -> &AboutServer {
        &self.about
    }

    /// Drops it, and who is connected.
    ///
    /// # Errors
    /// [`DatabaseError`]
    pub async fn remove(mut self) -> Result<(), DatabaseError> {
        run(&self.server_url, REMOVER, self.removal()).await?;
        self.may_exist = false;
        Ok(())
    }

    /// Whoever makes it is stopped first: it could be there a moment after it was not.
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

/// On the way out of an error or an interrupt.
impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        if !self.may_exist {
            return;
        }
        let (server_url, removal) = (self.server_url.clone(), self.removal());
        // A runtime of its own: the one that this is dropped in must not be waited for here.
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
                "a database was left on the server; drop it"
            );
        }
    }
}

/// What the server at `url` tells of itself.
///
/// # Errors
/// [`DatabaseError`]
pub async fn about_server(url: &str) -> Result<AboutServer, DatabaseError> {
    let server = Server::new(url)?;
    let mut connection = server.connect("fritzy bench").await?;
    let told = tell(&mut connection).await;
    let about = told.map_err(|failure| server.failed(&failure))?;
    let _ = connection.close().await;
    Ok(about)
}

/// Runs statements of this file under this name, and tells about the server.
async fn run(
    server_url: &str,
    name: &str,
    statements: Vec<String>,
) -> Result<AboutServer, DatabaseError> {
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
        tell(&mut connection).await
    };
    let about = running.await.map_err(|failure| server.failed(&failure))?;
    let _ = connection.close().await;
    Ok(about)
}

async fn tell(connection: &mut PgConnection) -> Result<AboutServer, sqlx::Error> {
    let names: Vec<String> = TOLD.map(str::to_owned).to_vec();
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
    // What the role may not know is null. Over a socket of the system there is no address.
    let row = sqlx::query(
        "SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
            (SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'
                AND coalesce(inet_server_addr() << '127.0.0.0/8' OR inet_server_addr() = '::1', true))",
    )
    .fetch_one(connection)
    .await?;
    let (folder, pid): (Option<String>, Option<i32>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(AboutServer {
        settings,
        data_directory: folder.map(PathBuf::from),
        process: pid.and_then(|pid| pid.try_into().ok()),
    })
}

/// The address with another database: what is between the host and the parameters. Nothing else is changed, for
/// programs differ in which parameters they know.
fn with_database(url: &str, database: &str) -> String {
    let (address, parameters) = url.find('?').map_or((url, ""), |at| url.split_at(at));
    let host_from = address.find("://").map_or(0, |at| at + "://".len());
    let path_from = address[host_from..]
        .find('/')
        .map_or(address.len(), |at| host_from + at);
    format!("{}/{database}{parameters}", &address[..path_from])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_exchanged_and_nothing_else() {
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
            assert_eq!(with_database(url, "x"), expected);
        }
    }
}
