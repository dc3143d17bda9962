//! The migrations of the schema.

use std::sync::LazyLock;

use sqlx::migrate::Migrator;

use crate::migrations::{MigrationFile, migration_files, migrator};

const FILES: &[MigrationFile] = migration_files!("sqlite":
    "0001_journal_and_state.sql",
    "0002_life_of_accounts_and_products.sql",
    "0003_projection_cursors.sql",
    "0004_generations.sql",
    "0005_topic_bindings.sql",
);

/// All migrations, in order. They are checksummed: a published one never changes.
pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| migrator(FILES));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sqlite_migration_is_compiled_in() {
        crate::migrations::assert_complete("sqlite", FILES);
    }
}
