//! Opening the database: connect, migrate, lock it, start the committers.

use std::sync::Arc;

use fritzy_domain::Journal;
use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tracing::info;

use super::backend::PostgresBackend;
use super::config::PostgresConfig;
use super::continuity::Continuity;
use super::cursors::PostgresCursors;
use super::database_lock::DatabaseLock;
use super::error::PostgresError;
use super::generations::{FIRST, lost_events, newest};
use super::journal::PostgresJournal;
use super::membership::PostgresMembership;
use super::ownership::{PostgresOwnership, prepare_shards};
use super::read_model::PostgresReadModel;
use super::read_pool::ReadPool;
use super::replica::PostgresReplicas;
use super::schema::{check_usable, migrate, pin_schema};
use super::server::{Server, database_id};
use super::topic_bindings::PostgresTopicBindings;
use super::write::PostgresBatches;
use crate::committer::Committer;
use crate::stores::{StoreEngine, Stores};

impl Stores {
    /// Opens a database on PostgreSQL; migrates it if the settings say so.
    ///
    /// # Errors
    /// [`PostgresError`] when the server cannot be reached or rejects the connection, when it may
    /// lose commits, when another node has the database, or when the database is of another version
    /// or number of shards. The text says what to do.
    pub fn open_postgres(
        config: PostgresConfig,
    ) -> BoxFuture<'static, Result<Self, PostgresError>> {
        // Boxed, so that it is compiled here and not in every crate that calls it (ADR 0040).
        Box::pin(Self::open_postgres_database(config))
    }

    async fn open_postgres_database(config: PostgresConfig) -> Result<Self, PostgresError> {
        let (server, continuity) = prepare(&config).await?;
        let switches = continuity.switches();
        let lock = DatabaseLock::acquire(server.clone(), config.sharing).await?;
        let mut batches = Vec::new();
        for _ in 0..config.committers.max(1) {
            let session = server.committer().await?;
            batches.push(PostgresBatches::new(server.clone(), session));
        }
        let reads = ReadPool::new(&server, config.readers);
        let replica = match &config.replica {
            None => None,
            Some(url) => Some(Server::new(url, true)?.with_schema_of(&server)),
        };
        let replicas = PostgresReplicas::start(&server, &reads, replica, &config);

        let membership = Arc::new(PostgresMembership::new(&server));
        let committer = Committer::start_many(config.committer, batches);
        let journal = PostgresJournal::new(reads.clone(), committer.clone(), continuity.clone());
        let cursors = PostgresCursors::new(reads.clone(), committer.clone());
        Ok(Self {
            journal: Journal::of(Arc::new(journal)),
            read_model: Arc::new(PostgresReadModel::new(reads.clone(), config.shards)),
            replicas: replicas.clone(),
            ownership: Arc::new(PostgresOwnership::new(
                config.shards,
                reads.clone(),
                continuity.clone(),
            )),
            cursors: Arc::new(cursors),
            topic_bindings: Arc::new(PostgresTopicBindings::new(reads.clone())),
            membership: Some(membership.clone()),
            database: server.database().to_owned(),
            engine: StoreEngine::with_backend(
                committer,
                PostgresBackend::new(
                    reads,
                    replicas,
                    membership,
                    lock,
                    (continuity, switches),
                    config.sharing,
                ),
            ),
        })
    }
}

/// Connects for the first time: finds the schema, migrates it, and creates the shards of a new
/// database.
async fn prepare(config: &PostgresConfig) -> Result<(Server, Continuity), PostgresError> {
    let server = Server::new(&config.url, config.allow_unsafe)?;
    let starting = server.options("fritzy start");
    let mut connection = server.connect_first(config.wait, &starting).await?;
    let server = pin_schema(server, &mut connection).await?;
    info!(
        server = server.name(),
        schema = server.schema(),
        "connected to the database"
    );
    if config.migrate {
        migrate(&server, &mut connection).await?;
    }
    check_usable(&server, &mut connection).await?;
    let (database, continuity) = create_shards(&server, &mut connection, config).await?;
    let _ = connection.close().await;
    let server = server.with_database(database, continuity.clone());
    Ok((server, continuity))
}

/// Returns the id of the database, and its generation as the line that this node is on.
async fn create_shards(
    server: &Server,
    connection: &mut PgConnection,
    config: &PostgresConfig,
) -> Result<(String, Continuity), PostgresError> {
    let unreachable = |failure: sqlx::Error| PostgresError::Unreachable {
        server: server.name(),
        reason: failure.to_string(),
    };
    let expected = config.shards.get();
    let found = prepare_shards(connection, config.shards).await;
    let found = found.map_err(unreachable)?;
    if found != expected.to_string() {
        return Err(PostgresError::OtherShardCount {
            server: server.name(),
            found,
            expected,
        });
    }
    let id = database_id(connection).await.map_err(unreachable)?;
    let first = sqlx::query(FIRST).execute(&mut *connection).await;
    first.map_err(unreachable)?;
    let generation = newest(connection).await.map_err(unreachable)?;
    let lost_events = lost_events(connection, generation).await;
    let lost_events = lost_events.map_err(unreachable)?;
    let continuity = Continuity::new(generation, lost_events);
    Ok((id.unwrap_or_default(), continuity))
}
