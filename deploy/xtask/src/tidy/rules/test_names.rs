//! Names of tests fit into a line of a report: `<subject>_<condition>_<outcome>`.

use crate::tidy::repository::{Repository, Violation};
use crate::tidy::tokens::functions;

/// Longer ones hide a second subject, or a sentence.
const CHARACTERS_MAX: usize = 60;

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in repository.rust_files() {
        let functions = file.tokens().map(functions).unwrap_or_default();
        let long = functions
            .iter()
            .filter(|function| function.is_test && function.name.len() > CHARACTERS_MAX);
        violations.extend(long.map(|test| {
            let message = format!(
                "{} has {} characters, more than {CHARACTERS_MAX}: name it <subject>_<condition>_<outcome>",
                test.name,
                test.name.len()
            );
            Violation::new(&file.path, test.line, message)
        }));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(attribute: &str, length: usize) -> Vec<String> {
        let name = "n".repeat(length);
        let text = format!("//! A.\n{attribute}\nasync fn {name}() {{}}\n");
        let violations = check(&Repository::of(&[("x/tests/a.rs", &text)]));
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn short_tests_and_other_functions_are_clean() {
        assert_eq!(found("#[test]", CHARACTERS_MAX), [""; 0]);
        assert_eq!(found("#[cfg(test)]", CHARACTERS_MAX + 1), [""; 0]);
    }

    #[test]
    fn long_test_is_reported() {
        for attribute in [
            "#[test]",
            "#[tokio::test]",
            "#[tokio::test(flavor = \"x\")]",
        ] {
            let found = found(attribute, CHARACTERS_MAX + 1);
            assert_eq!(found.len(), 1, "{attribute}");
            assert!(found[0].starts_with("x/tests/a.rs:3: nnn"), "{found:?}");
            assert!(
                found[0].contains("61 characters, more than 60"),
                "{found:?}"
            );
        }
    }
}
