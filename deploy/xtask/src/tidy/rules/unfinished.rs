//! Unfinished work is not hidden in the code: docs/known-issues.md lists it.
//!
//! The macros for it are lints of clippy (`todo`, `unimplemented`, `dbg_macro`); this rule finds
//! the marks in comments, scripts and documents.

use crate::tidy::repository::{Repository, Violation};
use crate::tidy::words::has_word;

const MARKS: [&str; 2] = ["TODO", "FIXME"];

/// Files that tools generate; a checksum may spell anything.
const GENERATED: [&str; 3] = ["Cargo.lock", "package-lock.json", ".csv"];

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &repository.files {
        if GENERATED.iter().any(|end| file.path.ends_with(end)) {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            let marks = MARKS.iter().filter(|mark| has_word(line, mark));
            violations.extend(marks.map(|mark| {
                let message = format!("{mark}: finish it, or describe it in docs/known-issues.md");
                Violation::new(&file.path, index + 1, message)
            }));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_work_is_clean() {
        let text = "//! A to-do list.\nfn mark_as_todo() { TODOS }\n";
        let files = [("actors/src/a.rs", text), ("Cargo.lock", "+TODO+")];
        assert_eq!(check(&Repository::of(&files)), []);
    }

    #[test]
    fn each_mark_is_reported_in_any_file() {
        for mark in MARKS {
            for path in [
                "actors/src/a.rs",
                "README.md",
                "gateway/tests/web/a.mjs",
                "deploy/x.yaml",
            ] {
                let text = format!("a\n// {mark}: later\n");
                let violations = check(&Repository::of(&[(path, &text)]));
                assert_eq!(violations.len(), 1, "{mark} in {path}");
                let expected = format!("{path}:2: {mark}:");
                assert!(violations[0].to_string().starts_with(&expected));
            }
        }
    }
}
