//! A database on PostgreSQL for the time of a measurement, made on the server that is named, and dropped after it.

use fritzy_persistence::FreshDatabase;

use super::SideSettings;
use super::durability::Durability;
use super::things;
use crate::BenchError;
use crate::process::{Role, parent_of_same_program};

/// A database of one run.
pub(super) struct Database(FreshDatabase);

impl Database {
    /// Makes one on the side's server, with as much in it as the settings say.
    pub(super) async fn open(settings: &SideSettings) -> Result<Self, BenchError> {
        let server = settings.postgres.as_deref();
        let server = server.expect("the settings of a side on PostgreSQL have a server");
        let fresh = FreshDatabase::create(server).await;
        let fresh = fresh.map_err(|failure| BenchError::Preparing {
            what: "a database of its own",
            reason: format!(
                "{failure}. --postgres names a role that may create databases, as `cargo xtask services up` prints one"
            ),
        })?;
        if settings.fill_count > 0 {
            things::fill(fresh.url(), settings).await?;
        }
        Ok(Self(fresh))
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        self.0.url()
    }

    /// What an acknowledgement means there.
    pub(super) fn durability(&self) -> Durability {
        let about = self.0.about();
        Durability::of_postgres(about.settings.clone(), about.data_directory.as_deref())
    }

    /// The server's first process, if it runs on this machine.
    pub(super) fn process(&self) -> Option<(Role, u32)> {
        let first = parent_of_same_program(self.0.about().process?)?;
        Some((Role::Database, first))
    }

    /// Drops it.
    pub(super) async fn remove(self) -> Result<(), BenchError> {
        let removed = self.0.remove().await;
        removed.map_err(|failure| BenchError::Preparing {
            what: "the end of the database",
            reason: failure.to_string(),
        })
    }
}
