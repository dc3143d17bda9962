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
    "0006_lists_of_orders.sql",
    "0007_external_references.sql",
);

/// All migrations known to this version, in order. Those of newer versions are ignored. They are
/// checksummed: a published one never changes.
pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = migrator(FILES);
    migrator.set_ignore_missing(true);
    migrator
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::expand_contract::{RELEASED, assert_expand_only};

    #[test]
    fn every_sqlite_migration_is_compiled_in() {
        crate::migrations::assert_complete("sqlite", FILES);
    }

    #[test]
    fn sqlite_migrations_only_add_or_declare_a_contract() {
        assert_expand_only(FILES, RELEASED.sqlite);
    }
}
