//! A PostgreSQL database for one measurement: created on the given server, and dropped afterwards.

use fritzy_bench_support::ScratchDatabase;

use super::SetUp;
use super::durability::Durability;
use super::templates::creation_failed;
use crate::BenchError;
use crate::process::{Role, parent_of_same_program};

pub(super) struct Database(ScratchDatabase);

impl Database {
    /// Creates a database on the variant's server, with as many orders as the settings say.
    pub(super) async fn open(set_up: &SetUp<'_>) -> Result<Self, BenchError> {
        let settings = set_up.settings;
        let server = settings.postgres.as_deref();
        let server = server.expect("the settings of a variant on PostgreSQL have a server");
        if let Some(existing) = &settings.copy_of {
            let copy = ScratchDatabase::copy_of(server, existing).await;
            return Ok(Self(copy.map_err(|failure| creation_failed(&failure))?));
        }
        if settings.fill_count > 0 {
            return Ok(Self(set_up.templates.copy(server, settings).await?));
        }
        let fresh = ScratchDatabase::create(server).await;
        Ok(Self(fresh.map_err(|failure| creation_failed(&failure))?))
    }

    pub(super) fn url(&self) -> &str {
        self.0.url()
    }

    /// What an acknowledged write guarantees on this server.
    pub(super) fn durability(&self) -> Durability {
        let info = self.0.info();
        Durability::of_postgres(info.settings.clone(), info.data_directory.as_deref())
    }

    /// The server's main process, if it runs on this machine.
    pub(super) fn process(&self) -> Option<(Role, u32)> {
        let first = parent_of_same_program(self.0.info().process?)?;
        Some((Role::Database, first))
    }

    pub(super) async fn remove(self) -> Result<(), BenchError> {
        let removed = self.0.remove().await;
        removed.map_err(|failure| BenchError::Preparing {
            what: "the removal of the database",
            reason: failure.to_string(),
        })
    }
}
