//! Compares the schema with that of the migrations: a missing unique index guards nothing, and a
//! trigger changes what rows mean.

use std::collections::BTreeMap;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection, Row};

use crate::postgres::migrations::MIGRATIONS;
use crate::verify::SchemaDifference;

/// The definition of each object, by its kind and name.
pub(super) type Schema = BTreeMap<String, String>;

/// Everything in one schema that affects its rows; that of a trigger has the text of its function.
/// Definitions leave out names of schemas. Columns
/// and indexes of a partition follow from its table: an attached partition cannot lose them.
const OBJECTS: &str = "
    WITH here AS (SELECT $1::oid AS oid), relation AS (
        SELECT c.* FROM pg_class AS c JOIN here ON c.relnamespace = here.oid
    )
    SELECT 'table ' || relation.relname,
        CASE relation.relkind WHEN 'p' THEN 'in parts' ELSE 'plain' END
            || coalesce(' of ' || whole.relname || ' ' || pg_get_expr(relation.relpartbound, relation.oid), '')
            || CASE relation.relpersistence WHEN 'u' THEN ', unlogged' ELSE '' END
        FROM relation LEFT JOIN pg_inherits ON inhrelid = relation.oid LEFT JOIN pg_class AS whole ON whole.oid = inhparent
        WHERE relation.relkind IN ('r', 'p')
    UNION ALL
    SELECT 'column ' || relname || '.' || attname,
        format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END
            || coalesce(CASE attgenerated WHEN '' THEN ' default ' ELSE ' generated ' END || pg_get_expr(adbin, adrelid), '')
            || coalesce(' collate ' || (SELECT collname FROM pg_collation
                WHERE pg_collation.oid = attcollation AND collname <> 'default'), '')
        FROM relation JOIN pg_attribute ON attrelid = relation.oid
        LEFT JOIN pg_attrdef ON adrelid = relation.oid AND adnum = attnum
        WHERE relkind IN ('r', 'p') AND NOT relispartition AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'constraint ' || conname || ' on ' || relname, pg_get_constraintdef(pg_constraint.oid)
        FROM relation JOIN pg_constraint ON conrelid = relation.oid WHERE contype IN ('c', 'f', 'x')
    UNION ALL
    SELECT 'index ' || relname,
        regexp_replace(replace(pg_get_indexdef(relation.oid), quote_ident($2) || '.', ''), '\\mpg_temp(_\\d+)?\\.', '', 'g')
            || CASE WHEN indisvalid THEN '' ELSE ' (invalid)' END
        FROM relation JOIN pg_index ON indexrelid = relation.oid WHERE NOT relispartition
    UNION ALL
    SELECT 'trigger ' || tgname || ' on ' || relname,
        regexp_replace(replace(pg_get_triggerdef(pg_trigger.oid), quote_ident($2) || '.', ''),
                '\\mpg_temp(_\\d+)?\\.', '', 'g')
            || CASE tgenabled WHEN 'O' THEN '' ELSE ' (not enabled)' END || ': ' || prosrc
        FROM relation JOIN pg_trigger ON tgrelid = relation.oid JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE NOT tgisinternal
    UNION ALL
    SELECT 'rule ' || rulename || ' on ' || relname, pg_get_ruledef(pg_rewrite.oid)
        FROM relation JOIN pg_rewrite ON ev_class = relation.oid WHERE relkind IN ('r', 'p')
    UNION ALL
    SELECT 'row security on ' || relname, 'on' FROM relation WHERE relrowsecurity";

/// Names the function of a trigger in a migration.
const CALL: &str = "EXECUTE FUNCTION ";

/// The schema as the migrations create it, from temporary tables that no other session sees.
pub(super) async fn model(connection: &mut PgConnection) -> Result<Schema, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql("SET LOCAL search_path = pg_temp")
        .execute(&mut *transaction)
        .await?;
    for step in MIGRATIONS.iter() {
        // Functions are not found in the schema of temporary objects, unless it is named.
        let sql = step.sql.as_str().replace(CALL, "EXECUTE FUNCTION pg_temp.");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut *transaction)
            .await?;
    }
    let found = read(&mut transaction, "pg_my_temp_schema()").await;
    transaction.rollback().await?;
    found
}

/// The objects that are missing or different in the database of `connection`.
pub(super) async fn differences(
    connection: &mut PgConnection,
    expected: &Schema,
) -> Result<Vec<SchemaDifference>, sqlx::Error> {
    let mut found = read(
        connection,
        "(SELECT relnamespace FROM pg_class WHERE oid = 'meta'::regclass)",
    )
    .await?;
    let mut differences = Vec::new();
    let missing_tables: Vec<String> = expected
        .keys()
        .filter(|object| !found.contains_key(*object))
        .filter_map(|object| object.strip_prefix("table "))
        .map(|table| format!("column {table}."))
        .collect();
    for (object, definition) in expected {
        let found = found.remove(object);
        // A missing table implies its missing columns.
        let reported = missing_tables
            .iter()
            .any(|columns| object.starts_with(columns));
        if found.as_ref() != Some(definition) && !reported {
            let as_read = found.as_deref().map(column_type) == Some(column_type(definition));
            let readable = object.starts_with("index ")
                || object.starts_with("trigger ")
                || object.starts_with("column ") && as_read
                || object.starts_with("table ") && (found.is_some() || definition.contains(" of "));
            differences.push(SchemaDifference {
                object: object.clone(),
                found: found.map_or_else(|| "nothing".into(), |found| format!("`{found}`")),
                expected: format!("`{definition}`"),
                readable,
            });
        }
    }
    // A further table, column or index is a newer version's, or serves somebody's queries; but one
    // that makes a table of fritzy's reject rows is a difference.
    let allowed = ["table ", "column ", "index ", "constraint "];
    let ours = |part: &dyn Fn(&str) -> bool| {
        let mut tables = expected.keys().filter_map(|key| key.strip_prefix("table "));
        tables.any(part)
    };
    for (object, definition) in found {
        let refuses = if object.starts_with("index ") {
            definition.starts_with("CREATE UNIQUE")
                && ours(&|table| definition.contains(&format!(" ON {table} ")))
        } else if object.starts_with("column ") {
            definition.ends_with(" not null")
                && ours(&|table| object.starts_with(&format!("column {table}.")))
        } else {
            object.starts_with("constraint ")
                && ours(&|table| object.ends_with(&format!(" on {table}")))
        };
        if refuses || !allowed.iter().any(|kind| object.starts_with(kind)) {
            differences.push(SchemaDifference {
                object,
                found: format!("`{definition}`"),
                expected: "none".into(),
                readable: true,
            });
        }
    }
    Ok(differences)
}

/// The part of a column's definition that matters to readers.
fn column_type(definition: &str) -> &str {
    let ends = [" default ", " generated ", " collate "];
    let ends = ends.iter().filter_map(|end| definition.find(end));
    &definition[..ends.min().unwrap_or(definition.len())]
}

async fn read(connection: &mut PgConnection, schema: &str) -> Result<Schema, sqlx::Error> {
    // `schema` is a literal of this file.
    let about = sqlx::AssertSqlSafe(format!(
        "SELECT oid, nspname::text FROM pg_namespace WHERE oid = {schema}"
    ));
    let row = sqlx::query(about).fetch_one(&mut *connection).await?;
    let (oid, name): (sqlx::postgres::types::Oid, String) = (row.try_get(0)?, row.try_get(1)?);
    let rows = sqlx::query(OBJECTS)
        .bind(oid)
        .bind(name)
        .fetch_all(connection)
        .await?;
    let object = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(object).collect()
}
