//! A PostgreSQL database for one measurement: created on the given server, and dropped afterwards.

use std::collections::HashMap;

use fritzy_bench_support::{DatabaseError, ScratchDatabase};
use tokio::sync::Mutex;

use super::durability::Durability;
use super::{SetUp, VariantSettings, dataset};
use crate::BenchError;
use crate::process::{Role, parent_of_same_program};

pub(super) struct Database(ScratchDatabase);

/// What identifies a filled database: server, accounts, products, orders, and whether orders have
/// idempotency keys.
type Contents = (String, usize, usize, u64, bool);

/// Filled databases, shared by all runs: each run gets a copy, which takes seconds where filling
/// takes minutes.
#[derive(Default)]
pub(crate) struct Templates(Mutex<HashMap<Contents, ScratchDatabase>>);

impl Templates {
    /// A copy of the database that is filled according to the settings.
    async fn copy(
        &self,
        server: &str,
        settings: &VariantSettings,
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
            return template
                .copy()
                .await
                .map_err(|failure| creation_failed(&failure));
        }
        let template = ScratchDatabase::create(server).await;
        let template = template.map_err(|failure| creation_failed(&failure))?;
        dataset::fill(template.url(), settings).await?;
        let copy = template.copy().await;
        templates.insert(contents, template);
        copy.map_err(|failure| creation_failed(&failure))
    }
}

fn creation_failed(failure: &DatabaseError) -> BenchError {
    BenchError::Preparing {
        what: "a database",
        reason: format!(
            "{failure}. --postgres needs a role that may create databases; `cargo xtask services up` prints one"
        ),
    }
}

impl Database {
    /// Creates a database on the variant's server, with as many orders as the settings say.
    pub(super) async fn open(set_up: &SetUp<'_>) -> Result<Self, BenchError> {
        let settings = set_up.settings;
        let server = settings.postgres.as_deref();
        let server = server.expect("the settings of a variant on PostgreSQL have a server");
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
