//! The migrations of the schema.

use sqlx::migrate::Migrator;

/// All migrations, in order. They are checksummed: a published one never changes.
pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
