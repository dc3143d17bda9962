//! Every test that docs/invariants.md names exists: a renamed test must not silently drop the proof
//! of an invariant.

use crate::tidy::repository::{Repository, SourceFile, Violation};
use crate::tidy::tokens::functions;

const DOCUMENT: &str = "docs/invariants.md";

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let text = repository.file(DOCUMENT).map_or("", |file| &file.text);
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        // Every second part is between backticks.
        for quoted in line.split('`').skip(1).step_by(2) {
            let message = named_test(quoted).and_then(|test| test.fault(repository));
            violations.extend(message.map(|message| Violation::new(DOCUMENT, index + 1, message)));
        }
    }
    violations
}

/// A test that the document names: `path/to/file.rs` or `path/to/file.rs::function`.
struct NamedTest<'a> {
    path: &'a str,
    function: Option<&'a str>,
}

fn named_test(quoted: &str) -> Option<NamedTest<'_>> {
    let (path, function) = match quoted.split_once("::") {
        Some((path, function)) => (path, Some(function)),
        None => (quoted, None),
    };
    let is_path = path.ends_with(".rs") && path.contains('/') && !path.contains([' ', '*']);
    is_path.then_some(NamedTest { path, function })
}

impl NamedTest<'_> {
    fn fault(&self, repository: &Repository) -> Option<String> {
        let Some(function) = self.function else {
            let missing = repository.file(self.path).is_none();
            return missing.then(|| {
                let moved = repository
                    .rust_files()
                    .filter(|file| same_name(&file.path, self.path));
                format!(
                    "there is no file {}: name the tests that show it now{}",
                    self.path,
                    candidates(moved)
                )
            });
        };
        let has = |file: &SourceFile| {
            let tokens = file.tokens();
            tokens.is_some_and(|tokens| functions(tokens).iter().any(|it| it.name == function))
        };
        if repository.file(self.path).is_some_and(has) {
            return None;
        }
        let moved = repository.rust_files().filter(|file| has(file));
        Some(format!(
            "there is no function {function} in {}: name the test that shows it now{}",
            self.path,
            candidates(moved)
        ))
    }
}

fn same_name(path: &str, other: &str) -> bool {
    path.rsplit('/').next() == other.rsplit('/').next()
}

/// Where it may be instead.
fn candidates<'a>(files: impl Iterator<Item = &'a SourceFile>) -> String {
    let paths: Vec<&str> = files.map(|file| file.path.as_str()).collect();
    match paths.len() {
        0 => String::new(),
        _ => format!(" (perhaps {})", paths.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(document: &str) -> Vec<String> {
        let files = [
            (DOCUMENT, document),
            (
                "x/tests/a.rs",
                "//! A.\n#[test]\nfn i1_holds() {}\nsuite! { async fn i2_holds() {} }\n",
            ),
            ("x/tests/b.rs", "//! B.\n"),
        ];
        let violations = check(&Repository::of(&files));
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn existing_tests_are_clean() {
        let document = "| `x/tests/a.rs::i1_holds`, `x/tests/a.rs::i2_holds`, `x/tests/b.rs` | `path::function`, `a.rs` |";
        assert_eq!(found(document), [""; 0]);
    }

    #[test]
    fn missing_tests_and_files_are_reported_with_candidates() {
        let document =
            "# I\n\n`x/tests/a.rs::i1_gone` `x/tests/b.rs::i1_holds`\n`y/b.rs` `x/tests/c.rs`\n";
        assert_eq!(
            found(document),
            [
                "docs/invariants.md:3: there is no function i1_gone in x/tests/a.rs: name the test that shows it now",
                "docs/invariants.md:3: there is no function i1_holds in x/tests/b.rs: name the test that shows it now \
                 (perhaps x/tests/a.rs)",
                "docs/invariants.md:4: there is no file y/b.rs: name the tests that show it now (perhaps x/tests/b.rs)",
                "docs/invariants.md:4: there is no file x/tests/c.rs: name the tests that show it now",
            ]
        );
    }
}
