//! A database on PostgreSQL for the time of a measurement, made on the server that is named, and dropped after it.

use std::collections::HashMap;

use fritzy_bench_support::{DatabaseError, ScratchDatabase};
use tokio::sync::Mutex;

use super::durability::Durability;
use super::{SetUp, SideSettings, dataset};
use crate::BenchError;
use crate::process::{Role, parent_of_same_program};

/// A database of one run.
pub(super) struct Database(ScratchDatabase);

/// What a filled database depends on: server, accounts, products, orders, and whether these are keyed.
type Contents = (String, usize, usize, u64, bool);

/// Filled databases of all runs: each run has a copy, which takes seconds where filling takes minutes.
#[derive(Default)]
pub(crate) struct Templates(Mutex<HashMap<Contents, ScratchDatabase>>);

impl Templates {
    /// A copy of one that is filled as the settings say.
    async fn copy(
        &self,
        server: &str,
        settings: &SideSettings,
    ) -> Result<ScratchDatabase, BenchError> {
        let contents = (
            server.to_owned(),
            settings.accounts_count,
            settings.products_count,
            settings.fill_count,
            settings.keyed,
        );
        let mut templates = self.0.lock().await;
        if let Some(template) = templates.get(&contents) {
            return template.copy().await.map_err(|failure| unmade(&failure));
        }
        let template = ScratchDatabase::create(server).await;
        let template = template.map_err(|failure| unmade(&failure))?;
        dataset::fill(template.url(), settings).await?;
        let copy = template.copy().await;
        templates.insert(contents, template);
        copy.map_err(|failure| unmade(&failure))
    }
}

fn unmade(failure: &DatabaseError) -> BenchError {
    BenchError::Preparing {
        what: "a database of its own",
        reason: format!(
            "{failure}. --postgres names a role that may create databases, as `cargo xtask services up` prints one"
        ),
    }
}

impl Database {
    /// Makes one on the side's server, with as many orders in it as the settings say.
    pub(super) async fn open(set_up: &SetUp<'_>) -> Result<Self, BenchError> {
        let settings = set_up.settings;
        let server = settings.postgres.as_deref();
        let server = server.expect("the settings of a side on PostgreSQL have a server");
        if settings.fill_count > 0 {
            return Ok(Self(set_up.templates.copy(server, settings).await?));
        }
        let fresh = ScratchDatabase::create(server).await;
        Ok(Self(fresh.map_err(|failure| unmade(&failure))?))
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
