//! Opening the database: connect, migrate, take it, start the committers.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use sqlx::Connection;
use sqlx::postgres::PgPoolOptions;

use super::config::{PostgresConfig, PostgresError};
use super::holding::Holding;
use super::session::{Server, generation};
use super::write::PostgresBatches;
use super::{PostgresStore, ownership, schema};
use crate::committer::Committer;
use crate::stores::{Behind, Stores};

/// A read waits for a connection at most; requests themselves wait for 10 s.
const ACQUIRE_MAX: Duration = Duration::from_secs(5);
/// A connection that was unused for longer is asked whether it is alive before it is used: the server may
/// have been restarted meanwhile. A busy one finds out by itself.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

impl Stores {
    /// Opens a database on PostgreSQL, migrating it where that is wanted.
    ///
    /// # Errors
    /// [`PostgresError`], each with what to do about it.
    pub async fn open_postgres(config: PostgresConfig) -> Result<Self, PostgresError> {
        let server = Server::new(&config.url, config.allow_unsafe)?;
        let mut connection = server.connect(&server.options("fritzy start")).await?;
        if config.migrate {
            schema::migrate(&server, &mut connection).await?;
        }
        schema::check_usable(&server, &mut connection).await?;
        let unreachable = |failure: sqlx::Error| PostgresError::Unreachable {
            server: server.name(),
            reason: failure.to_string(),
        };
        let found = ownership::prepare_shards(&mut connection, config.shards).await;
        let found = found.map_err(unreachable)?;
        if found != config.shards.get().to_string() {
            let expected = config.shards.get();
            let server = server.name();
            return Err(PostgresError::OtherShardCount {
                server,
                found,
                expected,
            });
        }
        let generation = generation(&mut connection).await.map_err(unreachable)?;
        let _ = connection.close().await;
        let server = server.with_generation(generation.unwrap_or_default());
        let holding = Holding::take(server.clone()).await?;
        let mut batches = Vec::new();
        for _ in 0..config.committers.max(1) {
            let session = server.committer().await?;
            batches.push(PostgresBatches::new(server.clone(), session));
        }
        let pool = PgPoolOptions::new()
            .max_connections(config.readers)
            .acquire_timeout(ACQUIRE_MAX)
            .test_before_acquire(false)
            .before_acquire(|connection, about| {
                Box::pin(async move {
                    if about.idle_for > TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(server.options("fritzy reader"));
        let committer = Committer::start_many(config.committer, batches);
        let store = Arc::new(PostgresStore {
            shards: config.shards,
            pool,
            reads: Counter::default(),
            committer: committer.clone(),
            holding,
        });
        let behind: Arc<dyn Behind> = store.clone();
        let (journal, read_model) = (store.clone(), store.clone());
        Ok(Self {
            journal,
            read_model,
            ownership: store,
            committer,
            behind: Some(behind),
        })
    }
}
