//! Opening the database: connect, migrate, take it, start the committers.

use std::sync::Arc;

use fritzy_domain::Journal;
use sqlx::Connection;
use tracing::info;

use super::config::{PostgresConfig, PostgresError};
use super::holding::Holding;
use super::membership::Nodes;
use super::reads::Reads;
use super::replica::Replicated;
use super::session::{Server, generation};
use super::write::PostgresBatches;
use super::{PostgresStore, ownership, schema};
use crate::committer::Committer;
use crate::stores::{Behind, Stores};

impl Stores {
    /// Opens a database on PostgreSQL, migrating it where that is wanted.
    ///
    /// # Errors
    /// [`PostgresError`], each with what to do about it.
    pub async fn open_postgres(config: PostgresConfig) -> Result<Self, PostgresError> {
        let server = Server::new(&config.url, config.allow_unsafe)?;
        let starting = server.options("fritzy start");
        let mut connection = server.connect_within(config.wait, &starting).await?;
        let server = schema::at_home(server, &mut connection).await?;
        info!(
            server = server.name(),
            schema = server.home(),
            "the database"
        );
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
        let generation = generation.unwrap_or_default();
        let server = server.with_generation(generation.clone());
        let holding = Holding::take(server.clone(), config.sharing).await?;
        let mut batches = Vec::new();
        for _ in 0..config.committers.max(1) {
            let session = server.committer().await?;
            batches.push(PostgresBatches::new(server.clone(), session));
        }
        let reads = Arc::new(Reads::new(&server, config.readers));
        let replica = match &config.replica {
            None => None,
            Some(url) => Some(Server::new(url, true)?.with_home_of(&server)),
        };
        let copies = Replicated::start(&server, reads.clone(), replica, &config);
        let nodes = Arc::new(Nodes::new(&server));
        let committer = Committer::start_many(config.committer, batches);
        let store = Arc::new(PostgresStore {
            shards: config.shards,
            reads: reads.clone(),
            copies: copies.clone(),
            committer: committer.clone(),
            nodes: nodes.clone(),
            holding,
        });
        let behind: Arc<dyn Behind> = store.clone();
        Ok(Self {
            journal: Journal::of(store.clone()),
            read_model: reads,
            copies,
            ownership: store.clone(),
            cursors: store,
            membership: Some(nodes),
            generation,
            committer,
            behind: Some(behind),
        })
    }
}
