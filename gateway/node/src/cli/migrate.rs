//! `fritzy migrate`: migrates the database schema without starting a node.

use std::process::ExitCode;

use fritzy_persistence::{SqliteConfig, Stores, migrate_postgres};

use super::output::{fail, out};
use super::runtime::current_thread_runtime;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings) -> ExitCode {
    let runtime = match current_thread_runtime() {
        Ok(runtime) => runtime,
        Err(line) => return fail(&line, 1),
    };
    match runtime.block_on(migrate(settings)) {
        Ok(result) => out(&format!("{}: {result}\n", settings.database_shown())),
        Err(line) => fail(&line, 1),
    }
}

async fn migrate(settings: &Settings) -> Result<String, String> {
    let Some(config) = settings.postgres() else {
        // Opening a SQLite file migrates it.
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
    Ok(format!("applied migration {}", steps.join(", ")))
}
