//! Checks that migrations only add what the last release can ignore, or declare that they do more.
//! What is not known to be an addition is refused: a new form has to be thought about once.

use std::collections::BTreeSet;

use crate::migrations::MigrationFile;

/// The newest migration of the last release. Raise both with a release; later migrations may then
/// remove what only earlier releases needed.
pub(crate) const RELEASED: Released = Released {
    postgres: 3,
    sqlite: 3,
};

pub(crate) struct Released {
    pub(crate) postgres: i64,
    pub(crate) sqlite: i64,
}

/// Begins the line by which a migration declares that it removes something, and what.
const CONTRACT: &str = "-- Contract:";
/// The name in the table `meta` that programs compare with what they know.
const REQUIRED: &str = "schema_required";
/// Words of a column or a table that make a statement of an older program fail.
const TIGHTENING: [&str; 9] = [
    "unique",
    "primary",
    "references",
    "foreign",
    "check",
    "generated",
    "exclude",
    "constraint",
    "inherits",
];

/// Flags that every release only ever sets. A row leaves an index on the unset ones, and never comes
/// back, so that an older program cannot bring it in conflict with another row.
const ONE_WAY_FLAGS: [&str; 2] = ["closed", "withdrawn"];

/// What a file has added so far, to be judged by what follows in it.
#[derive(Default)]
struct Added {
    tables: BTreeSet<String>,
    /// Table and name of the columns that are NULL in every row of a program that does not know
    /// them.
    columns: BTreeSet<(String, String)>,
    /// Functions of triggers that only fill new tables.
    filling: BTreeSet<String>,
}

/// Asserts that migrations after `released` only add, or declare a contract that the last release
/// can still meet.
pub(crate) fn assert_expand_only(files: &[MigrationFile], released: i64) {
    let violations = violations(files, released);
    assert!(
        violations.is_empty(),
        "nodes of the last release could not run on this schema. A migration only adds what they can \
         ignore; what is removed goes one release later: see docs/contributing/adding-a-migration.md\n{}",
        violations.join("\n")
    );
}

fn violations(files: &[MigrationFile], released: i64) -> Vec<String> {
    let mut violations = Vec::new();
    for (name, sql) in files {
        let number = name
            .split('_')
            .next()
            .and_then(|number| number.parse::<i64>().ok());
        if number.is_none_or(|number| number > released) {
            let found = in_file(sql, released);
            violations.extend(
                found
                    .into_iter()
                    .map(|violation| format!("{name}: {violation}")),
            );
        }
    }
    violations
}

fn in_file(sql: &str, released: i64) -> Vec<String> {
    let mut added = Added::default();
    let mut violations = Vec::new();
    let mut required = None;
    for statement in statements(sql) {
        if statement
            .iter()
            .any(|token| *token == format!("'{REQUIRED}'"))
        {
            required = statement
                .iter()
                .find_map(|token| token.trim_matches('\'').parse().ok());
        } else if !is_addition(&statement, &mut added) {
            violations.push(format!("not an addition: {}", statement.join(" ")));
        }
    }
    let is_declared = sql.lines().any(|line| line.starts_with(CONTRACT));
    match (is_declared, required) {
        (false, None) => violations,
        // Declared, and the last release meets it.
        (true, Some(step)) if (1..=released).contains(&step) => Vec::new(),
        (true, Some(step)) => vec![format!(
            "{REQUIRED} is {step}, the last release knows {released}: remove it one release later"
        )],
        (true, None) => vec![format!("a contract that does not raise {REQUIRED}")],
        (false, Some(_)) => vec![format!(
            "{REQUIRED} is raised without a line `{CONTRACT} why`"
        )],
    }
}

/// Whether a program that does not know a statement is not affected by it.
fn is_addition(statement: &[String], added: &mut Added) -> bool {
    let words: Vec<&str> = statement.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["create", "function", ..] => is_filling_function(&words, added),
        ["create", "trigger", ..] => is_filling_trigger(&words, added),
        // The same without the words: an index of that name was built before the migration.
        ["create", "index", "if", "not", "exists", index @ ..] => {
            is_table_addition(&[&["create", "index"], index].concat(), added)
        }
        other => is_table_addition(other, added),
    }
}

/// Whether a function of a trigger does nothing but insert into a new table. The insertion can
/// still fail, and the older program's statement with it: that is for the review to judge.
fn is_filling_function(words: &[&str], added: &mut Added) -> bool {
    let [
        "create",
        "function",
        name,
        "(",
        ")",
        "returns",
        "trigger",
        "language",
        "plpgsql",
        "as",
        body,
    ] = words
    else {
        return false;
    };
    let body = body
        .strip_prefix("$$")
        .and_then(|body| body.strip_suffix("$$"));
    let body = statements(body.unwrap_or_default());
    let body: Vec<Vec<&str>> = body
        .iter()
        .map(|statement| statement.iter().map(String::as_str).collect())
        .collect();
    let fills = match body.as_slice() {
        [insert, result, end] => {
            insert.first() == Some(&"begin")
                && fills_new_table(&insert[1..], added)
                && *result == ["return", "null"]
                && *end == ["end"]
        }
        _ => false,
    };
    if fills {
        added.filling.insert((*name).to_owned());
    }
    fills
}

/// Whether a trigger runs after insertions, and does nothing but insert into a new table: by itself
/// (SQLite), or by a function of this migration (PostgreSQL).
fn is_filling_trigger(words: &[&str], added: &Added) -> bool {
    match words {
        [
            "create",
            "trigger",
            _,
            "after",
            "insert",
            "on",
            _,
            "begin",
            insert @ ..,
            ";",
            "end",
        ] => !insert.contains(&";") && fills_new_table(insert, added),
        [
            "create",
            "trigger",
            _,
            "after",
            "insert",
            "on",
            _,
            "for",
            "each",
            "row",
            "when",
            "(",
            ..,
            ")",
            "execute",
            "function",
            function,
            "(",
            ")",
        ] => added.filling.contains(*function),
        _ => false,
    }
}

/// Whether a statement adds rows to a table that is new, made of what a query reads.
fn fills_new_table(insert: &[&str], added: &Added) -> bool {
    let ["insert", "into", table, "(", rest @ ..] = insert else {
        return false;
    };
    let end = rest.iter().position(|word| *word == ")").unwrap_or(0);
    let reads = rest.get(end + 1) == Some(&"select");
    // RAISE ends the statement that fired the trigger.
    added.tables.contains(*table) && reads && !rest.contains(&"raise")
}

fn is_table_addition(words: &[&str], added: &mut Added) -> bool {
    match words {
        ["create", "table", name, rest @ ..] => {
            // A key to an older table forbids what was allowed there; a partition takes its rows.
            let of_others = ["references", "inherits", "partition"];
            let refers = rest
                .iter()
                .zip(&rest[1..])
                .filter(|(word, _)| of_others.contains(word));
            let refers_to_old = refers.clone().any(|(word, next)| match *word {
                "partition" => *next == "of",
                "references" => !added.tables.contains(*next),
                _ => true,
            });
            let partition_of_new = rest.first() == Some(&"partition")
                && rest
                    .get(2)
                    .is_some_and(|whole| added.tables.contains(*whole));
            added.tables.insert((*name).to_owned());
            !refers_to_old || partition_of_new
        }
        ["create", "unique", "index", _, "on", table, definition @ ..] => {
            added.tables.contains(*table) || is_of_new_columns(table, definition, added)
        }
        // An expression can fail for rows that were allowed before.
        ["create", "index", _, "on", table, "(", columns @ ..] => {
            let of_new = added.tables.contains(*table);
            let end = columns.iter().position(|word| *word == ")").unwrap_or(0);
            of_new || end > 0 && !columns[..end].contains(&"(") && !columns[..end].contains(&":")
        }
        ["alter", "table", table, ..] if added.tables.contains(*table) => true,
        ["alter", "table", table, "add", "column", name, column @ ..] => {
            let tightens = column.iter().any(|word| TIGHTENING.contains(word));
            let several = split_actions(column) > 1;
            let not_null = column.windows(2).any(|pair| pair == ["not", "null"]);
            let default = column.iter().position(|word| *word == "default");
            let has_default = default.is_some_and(|at| column.get(at + 1) != Some(&"null"));
            if !not_null && default.is_none() {
                let column = ((*table).to_owned(), (*name).to_owned());
                added.columns.insert(column);
            }
            !tightens && !several && (!not_null || has_default)
        }
        ["insert", "into", table, ..] => added.tables.contains(*table),
        ["comment", "on", ..] => true,
        _ => false,
    }
}

/// Whether a unique index holds only rows that a program which does not know the file neither adds
/// nor changes there: its columns are new, one of them must have a value, and what else must hold
/// can only cease to.
fn is_of_new_columns(table: &str, definition: &[&str], added: &Added) -> bool {
    let is_new = |column: &str| {
        let column = (table.to_owned(), column.to_owned());
        added.columns.contains(&column)
    };
    let Some(end) = definition.iter().position(|word| *word == ")") else {
        return false;
    };
    let (["(", columns @ ..], [")", "where", condition @ ..]) = definition.split_at(end) else {
        return false;
    };
    let mut columns = columns.split(|word| *word == ",");
    let mut conditions = condition.split(|word| *word == "and");
    let has_value =
        |condition: &[&str]| matches!(condition, [column, "is", "not", "null"] if is_new(column));
    let is_one_way =
        |condition: &[&str]| matches!(condition, ["not", flag] if ONE_WAY_FLAGS.contains(flag));
    columns.all(|column| matches!(column, [column] if is_new(column)))
        && conditions.clone().any(has_value)
        && conditions.all(|condition| has_value(condition) || is_one_way(condition))
}

/// The actions of an ALTER TABLE, which commas outside of parentheses separate.
fn split_actions(words: &[&str]) -> usize {
    let mut depth = 0_usize;
    1 + words
        .iter()
        .filter(|word| {
            match **word {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            **word == "," && depth == 0
        })
        .count()
}

/// The statements of a script as lower-case words, texts in quotes, and single other characters.
fn statements(sql: &str) -> Vec<Vec<String>> {
    let mut statements = vec![Vec::new()];
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            '-' if rest.starts_with("--") => {
                rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                continue;
            }
            '\'' => rest[1..].find('\'').map_or(rest.len(), |end| end + 2),
            '$' if rest.starts_with("$$") => rest[2..].find("$$").map_or(rest.len(), |end| end + 4),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after;
        let ends = token == ";" && !is_inside_trigger(statements.last());
        if ends {
            statements.push(Vec::new());
        } else if !first.is_whitespace() {
            let statement = statements.last_mut().expect("there is always one");
            statement.push(token.to_lowercase());
        }
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

/// Whether the body of a trigger of SQLite is still open: its statements end with semicolons, too.
fn is_inside_trigger(statement: Option<&Vec<String>>) -> bool {
    let words = statement.map(Vec::as_slice).unwrap_or_default();
    words.starts_with(&["create".to_owned(), "trigger".to_owned()])
        && words.iter().any(|word| word == "begin")
        && words.last().is_none_or(|last| last != "end")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After a released step 3, the violations of a step 5 that follows.
    fn of(sql: &'static str) -> Vec<String> {
        violations(
            &[("0003_old.sql", "DROP TABLE old"), ("0005_new.sql", sql)],
            3,
        )
    }

    #[test]
    fn additions_are_accepted() {
        for sql in [
            "-- A remark; with a semicolon.\nCREATE TABLE note (id uuid PRIMARY KEY, text text NOT NULL);",
            "CREATE TABLE note (id bigint); CREATE TABLE page (note bigint REFERENCES note);",
            "CREATE TABLE note (id bigint) PARTITION BY HASH (id);
             CREATE TABLE note_0 PARTITION OF note FOR VALUES WITH (MODULUS 1, REMAINDER 0);",
            "CREATE TABLE note (id bigint); INSERT INTO note SELECT 1 FROM account;
             CREATE UNIQUE INDEX note_by_id ON note (id); ALTER TABLE note ADD CHECK (id > 0);",
            "ALTER TABLE account ADD COLUMN language text;",
            "ALTER TABLE account ADD COLUMN language text NOT NULL DEFAULT 'en; DROP TABLE x';",
            "ALTER TABLE account ADD COLUMN weight numeric(10, 2);",
            "CREATE INDEX account_by_name ON account (name, id DESC) WHERE NOT closed;",
            "COMMENT ON TABLE account IS 'those who order';",
            "CREATE INDEX IF NOT EXISTS account_by_name ON account (name);",
            "CREATE TABLE note (id uuid);
             CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO note (id) SELECT NEW.id; RETURN NULL; END $$;
             CREATE TRIGGER fill AFTER INSERT ON account FOR EACH ROW
                WHEN (NOT NEW.closed) EXECUTE FUNCTION fill(); CREATE TABLE page (id uuid);",
            "CREATE TABLE note (id BLOB); CREATE TRIGGER fill AFTER INSERT ON account BEGIN
                INSERT INTO note (id) SELECT NEW.id; END; CREATE TABLE page (id BLOB);",
            "ALTER TABLE account ADD COLUMN code text COLLATE \"C\";
             CREATE UNIQUE INDEX account_by_code ON account (code) WHERE code IS NOT NULL AND NOT closed;",
            "ALTER TABLE account ADD COLUMN a text; ALTER TABLE account ADD COLUMN b text;
             CREATE UNIQUE INDEX account_by_both ON account (a, b) WHERE b IS NOT NULL;",
        ] {
            assert_eq!(of(sql), [""; 0], "{sql}");
        }
    }

    #[test]
    fn removals_and_restrictions_are_refused() {
        for sql in [
            "DROP TABLE account;",
            "ALTER TABLE account DROP COLUMN name;",
            "ALTER TABLE account RENAME COLUMN name TO title;",
            "ALTER TABLE account RENAME TO customer;",
            "ALTER TABLE account ALTER COLUMN name SET NOT NULL;",
            "ALTER TABLE account ALTER COLUMN version TYPE int;",
            "ALTER TABLE projection_cursor ALTER COLUMN resets DROP DEFAULT;",
            "ALTER TABLE account ADD CONSTRAINT short CHECK (length(name) < 9);",
            "ALTER TABLE account ADD COLUMN language text NOT NULL;",
            "ALTER TABLE account ADD COLUMN language text NOT NULL DEFAULT NULL;",
            "ALTER TABLE account ADD COLUMN code text UNIQUE;",
            "ALTER TABLE account ADD COLUMN a text, DROP COLUMN name;",
            "ALTER TABLE account ADD language text NOT NULL;",
            "create unique index account_by_name on account (name);",
            "CREATE INDEX account_by_number ON account ((name::bigint));",
            "CREATE TABLE note (account uuid REFERENCES account);",
            "CREATE TABLE journal_8 PARTITION OF journal FOR VALUES WITH (MODULUS 9, REMAINDER 8);",
            "CREATE TABLE note () INHERITS (account);",
            "CREATE TRIGGER t BEFORE INSERT ON account EXECUTE FUNCTION f();",
            "CREATE INDEX IF NOT EXISTS account_by_number ON account ((name::bigint));",
            "CREATE TRIGGER fill AFTER INSERT ON account BEGIN INSERT INTO node (id) SELECT NEW.id; END;",
            "CREATE TABLE note (id BLOB); CREATE TRIGGER fill BEFORE INSERT ON account BEGIN
                INSERT INTO note (id) SELECT NEW.id; END;",
            "CREATE TABLE note (id BLOB); CREATE TRIGGER fill AFTER UPDATE ON account BEGIN
                INSERT INTO note (id) SELECT NEW.id; END;",
            "CREATE TABLE note (id BLOB); CREATE TRIGGER fill AFTER INSERT ON account BEGIN
                INSERT INTO note (id) SELECT NEW.id; DELETE FROM account; END;",
            "CREATE TABLE note (id BLOB); CREATE TRIGGER fill AFTER INSERT ON account BEGIN
                INSERT INTO note (id) SELECT RAISE(ABORT, 'no'); END;",
            "CREATE TABLE note (id uuid);
             CREATE TRIGGER fill AFTER INSERT ON account FOR EACH ROW WHEN (true) EXECUTE FUNCTION meddle();",
            "CREATE TABLE note (id uuid); CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO note (id) SELECT NEW.id; DELETE FROM account; RETURN NULL; END $$;",
            "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO node (id) SELECT NEW.id; RETURN NULL; END $$;",
            "UPDATE account SET name = upper(name);",
            "DELETE FROM journal;",
            "TRUNCATE node;",
            "DROP INDEX account_by_age; -- CREATE TABLE note (id bigint);",
            "CREATE TABLE note (id bigint); DROP TABLE account;",
            "INSERT INTO shard (shard, epoch) VALUES (1, 1);",
            "REVOKE INSERT ON journal FROM PUBLIC;",
        ] {
            let found = of(sql);
            assert_eq!(found.len(), 1, "{sql}: {found:?}");
            assert!(
                found[0].starts_with("0005_new.sql: not an addition: "),
                "{found:?}"
            );
        }
    }

    #[test]
    fn unique_index_that_older_programs_can_break_is_refused() {
        for (column, index) in [
            ("", "(code) WHERE code IS NOT NULL"),
            (
                "ALTER TABLE product ADD COLUMN code text;",
                "(code) WHERE code IS NOT NULL",
            ),
            (
                "ALTER TABLE account ADD COLUMN code text DEFAULT 'none';",
                "(code) WHERE code IS NOT NULL",
            ),
            (
                "ALTER TABLE account ADD COLUMN code text NOT NULL DEFAULT '';",
                "(code) WHERE code IS NOT NULL",
            ),
            ("ALTER TABLE account ADD COLUMN code text;", "(code)"),
            (
                "ALTER TABLE account ADD COLUMN code text;",
                "(code) NULLS NOT DISTINCT",
            ),
            (
                "ALTER TABLE account ADD COLUMN code text;",
                "(code) WHERE NOT closed",
            ),
            // A renaming by an older program would be refused.
            (
                "ALTER TABLE account ADD COLUMN code text;",
                "(name) WHERE code IS NOT NULL",
            ),
            (
                "ALTER TABLE account ADD COLUMN code text;",
                "(code, name) WHERE code IS NOT NULL",
            ),
            // A closing would be.
            (
                "ALTER TABLE account ADD COLUMN code text;",
                "(code) WHERE code IS NOT NULL AND closed",
            ),
            (
                "ALTER TABLE account ADD COLUMN code text;",
                "(code) WHERE code IS NOT NULL OR closed",
            ),
            (
                "ALTER TABLE account ADD COLUMN code text;",
                "(code) WHERE code IS NOT NULL AND NOT paused",
            ),
            (
                "ALTER TABLE account ADD COLUMN code text;",
                "(lower(code)) WHERE code IS NOT NULL",
            ),
        ] {
            let sql = format!("{column} CREATE UNIQUE INDEX by_code ON account {index};");
            let found = in_file(&sql, 3);
            assert_eq!(found.len(), 1, "{sql}: {found:?}");
            assert!(found[0].contains("unique index"), "{sql}: {found:?}");
        }
    }

    #[test]
    fn contract_must_be_declared_and_met_by_the_last_release() {
        let dropped = "ALTER TABLE account DROP COLUMN name;";
        let raised = |step| format!("UPDATE meta SET value = '{step}' WHERE name = '{REQUIRED}';");
        let declared = format!("{CONTRACT} the name is in 0002's table.\n");
        for (sql, expected) in [
            (format!("{declared}{dropped}{}", raised(2)), None),
            (format!("{declared}{dropped}"), Some("does not raise")),
            (format!("{dropped}{}", raised(2)), Some("without a line")),
            (
                format!("{declared}{dropped}{}", raised(4)),
                Some("one release later"),
            ),
            (
                format!("{declared}{dropped}{}", raised(0)),
                Some("one release later"),
            ),
        ] {
            let found = in_file(&sql, 3);
            match expected {
                None => assert_eq!(found, [""; 0], "{sql}"),
                Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{found:?}"),
            }
        }
    }
}
