//! Migrates the schema, and checks whether this version can use the schema it finds. As on
//! PostgreSQL, an older version continues with the schema of a newer one, until a migration removes
//! something (contract) and raises `schema_required` in the table `meta`.

use std::path::Path;

use sqlx::migrate::MigrateError;
use sqlx::{Row, SqliteConnection};

use super::error::{SqliteError, unusable};
use super::migrations::MIGRATIONS;

/// Applies the missing migrations.
///
/// # Errors
/// [`SqliteError::Newer`] when a migration requires a newer version.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    file: &Path,
) -> Result<(), SqliteError> {
    let newer = |reason: String| SqliteError::Newer {
        file: file.to_owned(),
        reason,
    };
    let unmet = unmet_requirement(connection).await;
    if let Some(reason) = unmet.map_err(|failure| unusable(file, &failure))? {
        return Err(newer(reason));
    }
    let migrated = MIGRATIONS.run_direct(None, connection, false).await;
    migrated.map_err(|failure| match failure {
        MigrateError::VersionMismatch(_) => newer(failure.to_string()),
        MigrateError::Execute(failure) | MigrateError::ExecuteMigration(failure, _) => {
            unusable(file, &failure)
        }
        other => SqliteError::Unusable {
            file: file.to_owned(),
            reason: other.to_string(),
        },
    })
}

/// Why this version must not use the schema, as a clause; `None` when it may.
pub(super) async fn unmet_requirement(
    connection: &mut SqliteConnection,
) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::query("SELECT count(*) FROM sqlite_schema WHERE name = 'meta'")
        .fetch_one(&mut *connection)
        .await?;
    if row.try_get::<i64, _>(0)? == 0 {
        return Ok(None);
    }
    let row = sqlx::query("SELECT value FROM meta WHERE name = 'schema_required'")
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let required: String = row.try_get(0)?;
    let known = MIGRATIONS.iter().map(|step| step.version).max();
    let known = known.unwrap_or_default();
    // A number that cannot be parsed is not one that this version has written.
    let is_met = required
        .parse::<i64>()
        .is_ok_and(|required| required <= known);
    Ok((!is_met).then(|| {
        format!("a version must know step {required} of its schema, this one knows {known}")
    }))
}
