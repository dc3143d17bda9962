//! A database that is made for a measurement, and gone after it.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use uuid::Uuid;

use super::config::PostgresError;
use super::schema::unreachable;
use super::session::Server;

/// An empty database with a name of its own.
#[derive(Debug)]
pub struct FreshDatabase {
    server_url: String,
    name: String,
    url: String,
    about: String,
}

impl FreshDatabase {
    /// Makes one on the server at `server_url`, whose role must be allowed to.
    ///
    /// # Errors
    /// [`PostgresError`]
    pub async fn create(server_url: &str) -> Result<Self, PostgresError> {
        let name = format!("fritzy_bench_{}", Uuid::now_v7().simple());
        let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'");
        let about = run(server_url, create).await?;
        let options: PgConnectOptions = server_url
            .parse()
            .map_err(|failure: sqlx::Error| PostgresError::Url(failure.to_string()))?;
        let url = options.database(&name).to_url_lossy().to_string();
        Ok(Self {
            server_url: server_url.to_owned(),
            name,
            url,
            about,
        })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's version and what its commits do.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Drops it, and who is connected.
    ///
    /// # Errors
    /// [`PostgresError`]
    pub async fn remove(self) -> Result<(), PostgresError> {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        run(&self.server_url, drop).await.map(|_| ())
    }
}

/// Runs a statement of this file, and tells about the server.
async fn run(server_url: &str, statement: String) -> Result<String, PostgresError> {
    let server = Server::new(server_url, false)?;
    let mut connection = server.connect(&server.options("fritzy bench")).await?;
    let running = async {
        sqlx::raw_sql("SET statement_timeout = 0")
            .execute(&mut connection)
            .await?;
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
        let names =
            "server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method',
            'shared_buffers', 'max_wal_size";
        let about = format!(
            "SELECT string_agg(name || ' ' || current_setting(name), ', ') FROM unnest(ARRAY['{names}']) AS name"
        );
        let row = sqlx::query(AssertSqlSafe(about))
            .fetch_one(&mut connection)
            .await?;
        row.try_get(0)
    };
    let about = running
        .await
        .map_err(|failure| unreachable(&server, &failure))?;
    let _ = connection.close().await;
    Ok(about)
}
