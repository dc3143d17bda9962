//! Work that is not done is not hidden in the code: known gaps live in CHANGELOG.md, where a reader looks for them.

use crate::tidy::repository::{Repository, Violation};
use crate::tidy::rust_text::{Kind, has_word, without};

/// Calls that compile and then do not work, or print to whoever runs us.
const MACROS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

/// Notes to oneself.
const MARKS: [&str; 2] = ["TODO", "FIXME"];

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in repository
        .files
        .iter()
        .filter(|file| is_written_by_us(&file.path))
    {
        let marked = lines_with(&file.text, &MARKS);
        violations.extend(marked.into_iter().map(|(line, mark)| {
            let message =
                format!("{mark}: do it, or write it down under \"Known gaps\" in CHANGELOG.md");
            Violation::new(&file.path, line, message)
        }));
    }
    for file in repository.rust_files() {
        let code = without(&file.text, &[Kind::Comment, Kind::Literal]);
        let called = lines_with(&code, &MACROS);
        violations.extend(called.into_iter().map(|(line, name)| {
            let message = format!(
                "`{name}`: write the code, or return a typed error and note the gap in CHANGELOG.md"
            );
            Violation::new(&file.path, line, message)
        }));
    }
    violations
}

/// Lock files and data are made by tools; a checksum may spell anything.
fn is_written_by_us(path: &str) -> bool {
    let by_tools = ["Cargo.lock", "package-lock.json", ".csv"];
    !by_tools.iter().any(|end| path.ends_with(end))
}

/// The lines that hold one of the words, whole.
fn lines_with<'a>(text: &str, words: &[&'a str]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let in_line = words.iter().filter(|word| has_word(line, word));
        found.extend(in_line.map(|word| (index + 1, *word)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finished_work_is_clean() {
        let text = "//! Not todo!() but done.\nconst S: &str = \"todo!\";\nfn mark_as_todo() { my_dbg!(1) }\n";
        assert_eq!(
            check(&Repository::of(&[
                ("actors/src/a.rs", text),
                ("Cargo.lock", "+TODO+")
            ])),
            []
        );
    }

    #[test]
    fn each_macro_is_named() {
        for name in MACROS {
            let violations = check(&Repository::of(&[(
                "actors/src/a.rs",
                &format!("//! A.\nfn f() {{ {name}(1) }}\n"),
            )]));
            assert_eq!(violations.len(), 1);
            assert!(
                violations[0]
                    .to_string()
                    .starts_with(&format!("actors/src/a.rs:2: `{name}`:"))
            );
        }
    }

    #[test]
    fn each_mark_is_named_in_any_file() {
        for mark in MARKS {
            for path in [
                "actors/src/a.rs",
                "README.md",
                "gateway/tests/web/a.mjs",
                "deploy/x.yaml",
            ] {
                let violations = check(&Repository::of(&[(
                    path,
                    &format!("a\n// {mark}: later\n"),
                )]));
                assert_eq!(violations.len(), 1, "{mark} in {path}");
                assert!(
                    violations[0]
                        .to_string()
                        .starts_with(&format!("{path}:2: {mark}:"))
                );
            }
        }
    }
}
