//! `fritzy migrate`: brings the schema of the database up to date, without starting a node.

use std::process::ExitCode;

use fritzy_persistence::{SqliteConfig, Stores, migrate_postgres};

use super::{fail, out};
use crate::settings::Settings;

pub(super) fn run(settings: &Settings) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(failure) => return fail(&format!("the runtime does not start: {failure}"), 1),
    };
    match runtime.block_on(migrate(settings)) {
        Ok(told) => out(&format!("{}: {told}\n", settings.database_shown())),
        Err(line) => fail(&line, 1),
    }
}

async fn migrate(settings: &Settings) -> Result<String, String> {
    let Some(config) = settings.postgres() else {
        // A file serves one node, which would bring it up to date by itself; opening does the same.
        let config = SqliteConfig {
            shards: settings.shards,
            ..SqliteConfig::new(settings.database())
        };
        std::fs::create_dir_all(&settings.data_dir).map_err(|failure| failure.to_string())?;
        let stores = Stores::open_sqlite(config).await;
        stores.map_err(|failure| failure.to_string())?.close().await;
        return Ok("the schema is up to date".into());
    };
    let steps = migrate_postgres(&config).await;
    let steps = steps.map_err(|failure| failure.to_string())?;
    if steps.is_empty() {
        return Ok("the schema is up to date".into());
    }
    let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
    Ok(format!("took step {} of the schema", steps.join(", ")))
}
