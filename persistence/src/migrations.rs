//! Migrations that are compiled in from their files. `sqlx::migrate!` does the same, but its crate
//! of macros is built for the host with every database driver: a tenth of a cold build.

#[cfg(test)]
pub(crate) mod expand_contract;

use std::borrow::Cow;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The name of a file in a folder of `persistence/migrations`, and its text.
pub(crate) type MigrationFile = (&'static str, &'static str);

/// The files of a folder of `persistence/migrations`.
macro_rules! migration_files {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $folder, "/", $name)))),+]
    };
}
pub(crate) use migration_files;

/// A migrator of these files.
///
/// # Panics
/// When a name is not of the form `0001_what_it_does.sql`; the names are constants.
pub(crate) fn migrator(files: &[MigrationFile]) -> Migrator {
    Migrator::with_migrations(files.iter().map(migration).collect())
}

fn migration((name, sql): &MigrationFile) -> Migration {
    let (version, rest) = name.split_once('_').expect("a number, then a description");
    let version = version.parse().expect("a number");
    let description = rest.trim_end_matches(".sql").replace('_', " ");
    let sql = sql.into_sql_str();
    Migration::new(
        version,
        Cow::Owned(description),
        MigrationType::Simple,
        sql,
        false,
    )
}

/// Asserts that every file of a folder of `persistence/migrations` is compiled in.
#[cfg(test)]
pub(crate) fn assert_complete(folder: &str, files: &[MigrationFile]) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(folder);
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("a file").file_name())
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    found.sort();
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, names);
}
