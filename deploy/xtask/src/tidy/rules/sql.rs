//! SQL is in `persistence` only: a statement elsewhere would give the tables a second owner.
//! Examples are programs of others, with tables of their own.

use crate::tidy::repository::{Repository, SourceFile, Violation};
use crate::tidy::tokens::{self, Token};

/// `bench/support` prepares databases for measurements with statements that the product must not
/// contain.
const HOMES: [&str; 3] = ["persistence/", "bench/support/", "deploy/examples/"];
const MIGRATIONS: &str = "persistence/migrations/";

/// A text is a statement by its first keyword, and one that must follow within so many words.
const STATEMENTS: [(&str, &str, usize); 8] = [
    ("SELECT", "FROM", usize::MAX),
    ("INSERT", "INTO", 3),
    ("UPDATE", "SET", 8),
    ("DELETE", "FROM", 1),
    ("CREATE", "TABLE", 3),
    ("ALTER", "TABLE", 1),
    ("DROP", "TABLE", 1),
    ("PRAGMA", "", 0),
];

/// Marks that a statement in lower case has and an English sentence does not.
const MARKS: [&str; 7] = ["= ?", "$1", "*", ";", " where ", " values", " table "];

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let scripts = repository
        .files
        .iter()
        .filter(|file| file.path.ends_with(".sql"));
    let misplaced = scripts.filter(|file| !file.path.starts_with(MIGRATIONS)).map(|file| {
        let message = "a .sql file outside persistence/migrations: make it a migration, or a statement in persistence";
        Violation::new(&file.path, 1, message)
    });
    let foreign = repository
        .rust_files()
        .filter(|file| !HOMES.iter().any(|home| file.path.starts_with(home)));
    misplaced.chain(foreign.flat_map(statements_in)).collect()
}

fn statements_in(file: &SourceFile) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Some(tokens) = file.tokens() else {
        return violations;
    };
    tokens::each(tokens, &mut |token| {
        let Token::Literal(literal) = token else {
            return;
        };
        let text = literal.to_string();
        if let Some((keyword, at)) = statement(&text) {
            let line = literal.span().start().line + text[..at].matches('\n').count();
            let message = format!(
                "SQL ({keyword}) outside persistence: call a port of fritzy-domain instead"
            );
            violations.push(Violation::new(&file.path, line, message));
        }
    });
    violations
}

/// The first statement of a literal: its keyword, and where it begins. Keywords in upper case make
/// a statement anywhere, those in lower case at the beginning only, and only next to one of
/// [`MARKS`].
fn statement(literal: &str) -> Option<(&'static str, usize)> {
    let opened = literal.find(['"', '\'']).map_or(0, |quote| quote + 1);
    let text = without_escapes(&literal[opened..]);
    let words = words(&text);
    let in_upper_case = (0..words.len()).find_map(|from| {
        let keyword = matching(&words[from..], |word, keyword| word == keyword)?;
        Some((keyword, opened + words[from].0))
    });
    in_upper_case.or_else(|| {
        let lower = text.to_lowercase();
        let marked = MARKS.iter().any(|mark| lower.contains(mark));
        let keyword = matching(&words, str::eq_ignore_ascii_case)?;
        marked.then(|| (keyword, opened + words[0].0))
    })
}

fn matching(words: &[(usize, &str)], same: impl Fn(&str, &str) -> bool) -> Option<&'static str> {
    let ((_, first), rest) = words.split_first()?;
    let statement = STATEMENTS.iter().find(|(keyword, follows, within)| {
        same(first, keyword)
            && (follows.is_empty()
                || rest
                    .iter()
                    .take(*within)
                    .any(|(_, word)| same(word, follows)))
    });
    statement.map(|(keyword, _, _)| *keyword)
}

/// The words of a text, each with its offset in bytes.
fn words(text: &str) -> Vec<(usize, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = Vec::new();
    let mut from = 0;
    for part in text.split(|c| !is_word(c)) {
        if !part.is_empty() {
            words.push((from, part));
        }
        let separator = text[from + part.len()..]
            .chars()
            .next()
            .map_or(0, char::len_utf8);
        from += part.len() + separator;
    }
    words
}

/// Replaces escapes such as `\n` by spaces, byte for byte, so that `"x\nFROM"` is two words.
fn without_escapes(literal: &str) -> String {
    ["\\n", "\\t", "\\r", "\\\"", "\\\\"]
        .iter()
        .fold(literal.to_owned(), |text, escape| {
            text.replace(escape, "  ")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, literal: &str) -> Vec<Violation> {
        check(&Repository::of(&[(
            path,
            &format!("//! A.\nconst Q: &str = {literal};\n"),
        )]))
    }

    #[test]
    fn every_kind_of_statement_is_reported() {
        for (keyword, literal) in [
            ("SELECT", "\"SELECT a, b FROM node\""),
            ("SELECT", "\"WITH x AS (SELECT\\nFROM y)\""),
            ("SELECT", "\"select version from entity where id = ?\""),
            ("INSERT", "\"INSERT INTO journal VALUES (1)\""),
            ("INSERT", "r#\"insert or ignore into journal values (?)\"#"),
            (
                "UPDATE",
                "\"UPDATE \\\"node\\\" AS n SET heartbeat = heartbeat + 1\"",
            ),
            ("DELETE", "\"DELETE FROM node\""),
            ("CREATE", "\"Create Table if not exists x (id integer)\""),
            ("CREATE", "\"CREATE TEMP TABLE x (y)\""),
            ("ALTER", "\"ALTER TABLE x\""),
            ("DROP", "\"DROP TABLE x\""),
            ("PRAGMA", "\"PRAGMA journal_mode = WAL\""),
        ] {
            let violations = found("gateway/src/a.rs", literal);
            assert_eq!(violations.len(), 1, "{literal}");
            let expected = format!("gateway/src/a.rs:2: SQL ({keyword}) outside persistence");
            assert!(
                violations[0].to_string().starts_with(&expected),
                "{}",
                violations[0]
            );
        }
    }

    #[test]
    fn prose_comments_and_graphql_are_clean() {
        for literal in [
            "\"Select a product (by id) from the catalog\"",
            "\"could not update the node, or set its heartbeat\"",
            "\"mutation { updateProduct(id: 1) { id } } # set from there\"",
            "\"Pragma: no-cache\"",
            "\"AN ORDER IS DELETED\"",
            "1 // SELECT a FROM b",
        ] {
            assert_eq!(found("gateway/src/a.rs", literal), [], "{literal}");
        }
    }

    #[test]
    fn persistence_may_contain_sql() {
        for path in ["persistence/src/journal.rs", "persistence/tests/journal.rs"] {
            assert_eq!(found(path, "\"SELECT 1 FROM x\""), []);
        }
        assert_eq!(
            check(&Repository::of(&[(
                "persistence/migrations/0001.sql",
                "SELECT 1"
            )])),
            []
        );
    }

    #[test]
    fn script_outside_migrations_is_reported() {
        for path in ["persistence/src/x.sql", "deploy/init.sql"] {
            let violations = check(&Repository::of(&[(path, "")]));
            assert_eq!(violations.len(), 1, "{path}");
            assert!(
                violations[0]
                    .to_string()
                    .starts_with(&format!("{path}:1: a .sql file"))
            );
        }
    }

    #[test]
    fn statement_is_reported_on_the_line_of_its_keyword() {
        let violations = found("gateway/src/a.rs", "\"\n  DELETE\n  FROM x\"");
        assert_eq!(violations[0].line, 3);
    }
}
