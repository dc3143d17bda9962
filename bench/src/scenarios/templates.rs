//! Databases that were filled once, to be copied for each run.

use std::collections::HashMap;

use fritzy_bench_support::{DatabaseError, ScratchDatabase};
use tokio::sync::Mutex;

use super::{VariantSettings, dataset};
use crate::BenchError;

/// What identifies a filled database: server, accounts, products, orders, and whether orders have
/// idempotency keys.
type Contents = (String, usize, usize, u64, bool);

/// Filled databases, shared by all runs: each run gets a copy, which takes seconds where filling
/// takes minutes.
#[derive(Default)]
pub(crate) struct Templates(Mutex<HashMap<Contents, ScratchDatabase>>);

impl Templates {
    /// A copy of the database that is filled according to the settings.
    pub(super) async fn copy(
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

/// Why a database could not be created, with what to do.
pub(super) fn creation_failed(failure: &DatabaseError) -> BenchError {
    BenchError::Preparing {
        what: "a database",
        reason: format!(
            "{failure}. --postgres needs a role that may create databases; `cargo xtask services up` prints one"
        ),
    }
}
