//! The database under a node that is killed, or whose database server fails.

use std::path::PathBuf;

use fritzy_persistence::{PostgresConfig, SqliteConfig, Stores};
use fritzy_testbed::{PostgresServer, ServiceError, Workspace};
use fritzy_testbed_shop::{Audit, audit};
use fritzy_types::{NodeId, ShardCount, ShardId};
use tempfile::TempDir;
use uuid::Uuid;

/// Few, so that each has many events.
pub(crate) const SHARDS: u16 = 8;

/// Where a node stores its data.
pub(crate) enum Database {
    /// A file in its data directory.
    File(PathBuf),
    /// A server of the test's own.
    Postgres(Box<PostgresServer>),
}

impl Database {
    pub(crate) fn file(workspace: &Workspace) -> Self {
        Self::File(workspace.current().join("data"))
    }

    /// Starts a server.
    ///
    /// # Errors
    /// When this machine has no PostgreSQL.
    pub(crate) fn postgres() -> Result<Self, ServiceError> {
        let server = PostgresServer::start(fritzy_testbed::PostgresConfig::default())?;
        Ok(Self::Postgres(Box::new(server)))
    }

    /// The arguments of a node on this database.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--shards".to_owned(), SHARDS.to_string()];
        if let Self::Postgres(server) = self {
            arguments.extend(["--database-url".to_owned(), server.url("postgres")]);
        }
        arguments
    }

    /// Audits what a killed node has left.
    pub(crate) async fn read_left(&self) -> Audit {
        let shards = ShardCount::new(SHARDS).expect("in range");
        let stores = match self {
            // On a copy, so that the next node finds the file unchanged.
            Self::File(data) => {
                let copy = TempDir::new().expect("a temporary folder");
                for name in ["fritzy.db", "fritzy.db-wal"] {
                    let from = data.join(name);
                    if from.exists() {
                        std::fs::copy(from, copy.path().join(name)).expect("a copy");
                    }
                }
                let config = SqliteConfig {
                    shards,
                    ..SqliteConfig::new(copy.path().join("fritzy.db"))
                };
                let stores = Stores::open_sqlite(config).await.expect("an open database");
                let found = audit(&stores).await;
                stores.close().await;
                return found;
            }
            Self::Postgres(server) => {
                let config = PostgresConfig {
                    shards,
                    ..PostgresConfig::new(server.url("postgres"))
                };
                Stores::open_postgres(config)
                    .await
                    .expect("an open database")
            }
        };
        // The server may still process the last batch of the killed node; a claim waits for it, or
        // fences it.
        let all: Vec<ShardId> = shards.all().collect();
        let claimer = NodeId::from_uuid(Uuid::now_v7());
        let claimed = stores.ownership.claim(claimer, &all).await;
        claimed.expect("claimed");
        let found = audit(&stores).await;
        stores.close().await;
        found
    }

    /// Requires that `fritzy journal verify` finds no violation.
    pub(crate) fn verify(&self, workspace: &Workspace) {
        let arguments = self.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let verify = [&["journal", "verify"], &arguments[..]].concat();
        let exited = workspace.run(&mut workspace.command(&verify));
        assert_eq!(exited.code, Some(0), "{exited:?}");
        assert!(exited.stdout.contains("is clean"), "{exited:?}");
    }
}
