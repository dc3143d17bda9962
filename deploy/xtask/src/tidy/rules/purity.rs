//! The domain decides from what it is given: no clock, no chance, no runtime, no world.
//!
//! A decision that read a clock could not be replayed, and the fold of the journal would no longer be the state (I5).

use std::collections::BTreeSet;

use crate::tidy::repository::{Repository, SourceFile, Violation};
use crate::tidy::rust_text::{Kind, has_word, without};
use crate::tidy::use_trees::imported_paths;

const PURE: &str = "actors/domain/src/";

/// What must not appear, and what to do instead.
const BANNED: [(&str, &str); 12] = [
    ("SystemTime", "take `now` from `Env`"),
    ("Instant::now", "take `now` from `Env`"),
    ("std::time::Instant", "take `now` from `Env`"),
    ("rand::", "take what chance decides as an argument"),
    ("thread_rng", "take what chance decides as an argument"),
    ("Uuid::new_v4", "take the id as an argument"),
    ("Uuid::now_v7", "take the id as an argument"),
    ("tokio::", "leave waiting to the shells in fritzy-actors"),
    ("ractor", "leave actors to the shells in fritzy-actors"),
    ("std::fs", "make it a port, and do it in another crate"),
    ("std::net", "make it a port, and do it in another crate"),
    (
        "std::env",
        "take the setting as an argument; the gateway reads it",
    ),
];

/// Names that one file may say all the same: (file, name, reason).
const EXCEPT: &[(&str, &str, &str)] = &[(
    "actors/domain/src/clock.rs",
    "std::time::Instant",
    "a deadline is a moment handed in; the file reads no clock",
)];

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    check_but(repository, EXCEPT)
}

fn check_but(repository: &Repository, except: &[(&str, &str, &str)]) -> Vec<Violation> {
    let pure = repository
        .rust_files()
        .filter(|file| file.path.starts_with(PURE));
    pure.flat_map(|file| check_file(file, except)).collect()
}

fn check_file(file: &SourceFile, except: &[(&str, &str, &str)]) -> Vec<Violation> {
    let mut found = BTreeSet::new();
    // Strings count: a name in a string is a name that something outside will act on.
    for (index, line) in without(&file.text, &[Kind::Comment]).lines().enumerate() {
        let banned = BANNED.iter().filter(|(name, _)| has_word(line, name));
        found.extend(banned.map(|ban| (index + 1, ban)));
    }
    let code = without(&file.text, &[Kind::Comment, Kind::Literal]);
    for (line, path) in imported_paths(&code) {
        let path = format!("{path}::");
        let banned = BANNED.iter().filter(|(name, _)| has_word(&path, name));
        found.extend(banned.map(|ban| (line, ban)));
    }
    let excused = |name: &str| {
        let mut entries = except.iter();
        entries.any(|(path, excused, _)| *path == file.path && *excused == name)
    };
    found.retain(|(_, (name, _))| !excused(name));
    let violation = |(line, (name, instead)): (usize, &(&str, &str))| {
        let message = format!(
            "`{}` in the pure domain: {instead}",
            name.trim_end_matches(':')
        );
        Violation::new(&file.path, line, message)
    };
    found.into_iter().map(violation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, String)> {
        let violations = check(&Repository::of(&[("actors/domain/src/order.rs", text)]));
        violations
            .into_iter()
            .map(|violation| (violation.line, violation.message))
            .collect()
    }

    #[test]
    fn words_that_only_look_alike_are_clean() {
        let text = "//! Not SystemTime, not tokio::spawn.\nuse std::{fmt, collections::BTreeMap};\n\
                    /* ractor */ fn f() { operand::x(); refractory(); std::environment() } // rand::random\n";
        assert_eq!(found(text), []);
    }

    #[test]
    fn every_banned_name_is_named_in_code_and_in_strings() {
        for (name, instead) in BANNED {
            for text in [
                format!("//! A.\nlet x = {name};\n"),
                format!("//! A.\nlet x = \"{name}\";\n"),
            ] {
                let expected = format!(
                    "`{}` in the pure domain: {instead}",
                    name.trim_end_matches(':')
                );
                assert!(found(&text).contains(&(2, expected)), "{text}");
            }
        }
    }

    #[test]
    fn a_tree_of_imports_hides_nothing() {
        let text = "//! A.\nuse std::{\n    env,\n    time::{Duration, Instant},\n};\nuse tokio;\n";
        let lines: Vec<(usize, bool)> = found(text)
            .iter()
            .map(|(line, message)| {
                (
                    *line,
                    message.contains("std::") || message.contains("tokio"),
                )
            })
            .collect();
        assert_eq!(lines, [(2, true), (2, true), (6, true)]);
    }

    #[test]
    fn an_exception_is_for_one_name_in_one_file() {
        let except = [(
            "actors/domain/src/clock.rs",
            "std::time::Instant",
            "a reason",
        )];
        let text = "//! A.\nuse std::time::Instant;\nlet now = Instant::now();\n";
        let in_clock = check_but(&Repository::of(&[(except[0].0, text)]), &except);
        assert_eq!(in_clock.len(), 1);
        assert!(
            in_clock[0]
                .message
                .starts_with("`Instant::now` in the pure domain")
        );
        let elsewhere = Repository::of(&[("actors/domain/src/order.rs", text)]);
        assert_eq!(check_but(&elsewhere, &except).len(), 2);
    }

    #[test]
    fn other_crates_may_read_the_clock() {
        let files = [(
            "gateway/src/main.rs",
            "//! A.\nlet now = SystemTime::now();\n",
        )];
        assert_eq!(check(&Repository::of(&files)), []);
    }
}
