//! The migrations of the schema.

use std::sync::LazyLock;

use sqlx::migrate::Migrator;

/// All migrations known to this version, in order. Those of newer versions are ignored. They are
/// checksummed: a published one never changes.
pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.set_ignore_missing(true);
    migrator
});
