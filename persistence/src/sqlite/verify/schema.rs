//! Compares the schema with that of the migrations: a missing unique index guards nothing, and a
//! different one hides rows.

use std::collections::BTreeMap;

use sqlx::{Connection, Row, SqliteConnection};

use crate::sqlite::migrations::MIGRATIONS;
use crate::verify::SchemaDifference;

/// Type and SQL of each object, by its name.
type Schema = BTreeMap<String, (String, String)>;

/// The objects that are missing or different in the opened file.
pub(super) async fn differences(
    connection: &mut SqliteConnection,
) -> Result<Vec<SchemaDifference>, sqlx::Error> {
    let mut model = SqliteConnection::connect("sqlite::memory:").await?;
    MIGRATIONS
        .run_direct(None, &mut model, false)
        .await
        .map_err(|failure| sqlx::Error::Configuration(failure.into()))?;
    let expected = read(&mut model).await?;
    model.close().await?;
    let mut found = read(connection).await?;
    let mut differences = Vec::new();
    for (name, (kind, statement)) in expected {
        let found = found.remove(&name).map(|(_, statement)| statement);
        if found.as_ref() == Some(&statement) {
            continue;
        }
        differences.push(SchemaDifference {
            object: format!("{kind} {name}"),
            found: found.map_or_else(|| "nothing".into(), |found| format!("`{found}`")),
            expected: format!("`{statement}`"),
            readable: kind == "index" || kind == "trigger",
        });
    }
    // A further index serves somebody's queries; a trigger or a view changes what rows mean.
    for (name, (kind, statement)) in found {
        if kind == "trigger" || kind == "view" {
            differences.push(SchemaDifference {
                object: format!("{kind} {name}"),
                found: format!("`{statement}`"),
                expected: "none".into(),
                readable: true,
            });
        }
    }
    Ok(differences)
}

async fn read(connection: &mut SqliteConnection) -> Result<Schema, sqlx::Error> {
    let rows = sqlx::query("SELECT name, type, coalesce(sql, '') FROM main.sqlite_schema")
        .fetch_all(connection)
        .await?;
    let one_line = |text: String| {
        let parts: Vec<&str> = text.split_whitespace().collect();
        parts.join(" ")
    };
    rows.iter()
        .map(|row| {
            let statement = one_line(row.try_get(2)?);
            Ok((row.try_get(0)?, (row.try_get(1)?, statement)))
        })
        .collect()
}
