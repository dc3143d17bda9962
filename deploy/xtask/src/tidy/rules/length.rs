//! A file has one subject; a long file usually has two.

use syn::Item;

use crate::tidy::repository::{Repository, SourceFile, Violation};
use crate::tidy::syntax::is_for_tests;

/// About eight screens. Unit tests at the end of a file do not count: their subject is the same.
const LINES_MAX: usize = 400;

/// The files that may be longer, each with the reason.
const LONGER: &[(&str, &str)] = &[];

const TABLE: &str = "LONGER in deploy/xtask/src/tidy/rules/length.rs";

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    check_but(repository, LONGER)
}

fn check_but(repository: &Repository, longer: &[(&str, &str)]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in repository.rust_files() {
        let lines = lines_without_trailing_tests(file);
        let excused = longer.iter().any(|(path, _)| *path == file.path);
        if lines > LINES_MAX && !excused {
            let message = format!(
                "{lines} lines, more than {LINES_MAX}: move its second subject into a file of its own, \
                 or state in {TABLE} why it has only one"
            );
            violations.push(Violation::new(&file.path, LINES_MAX + 1, message));
        }
        if lines <= LINES_MAX && excused {
            let message = format!("only {lines} lines: remove it from {TABLE}");
            violations.push(Violation::new(&file.path, 1, message));
        }
    }
    violations
}

/// The lines of a file without the `#[cfg(test)] mod tests` that ends it, if one does.
fn lines_without_trailing_tests(file: &SourceFile) -> usize {
    let last = file.syntax().and_then(|syntax| syntax.items.last());
    match last {
        Some(Item::Mod(module)) if module.ident == "tests" && is_for_tests(&module.attrs) => {
            module.attrs[0].pound_token.span.start().line - 1
        }
        _ => file.text.lines().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str =
        "#[cfg(test)]\n#[allow(clippy::x)]\nmod tests {\n    const T: &str = \"\n}\n\";\n\n}\n\n";

    fn file(lines: usize, after: &str) -> Repository {
        let text = "//! x\n".repeat(lines) + after;
        Repository::of(&[("gateway/src/big.rs", &text)])
    }

    #[test]
    fn tests_at_the_end_do_not_count() {
        assert_eq!(check(&file(LINES_MAX, "")), []);
        assert_eq!(check(&file(LINES_MAX, TESTS)), []);
    }

    #[test]
    fn one_line_too_many_is_reported() {
        for after in ["", TESTS] {
            let violations = check(&file(LINES_MAX + 1, after));
            assert_eq!(violations.len(), 1);
            assert!(
                violations[0]
                    .to_string()
                    .starts_with("gateway/src/big.rs:401: 401 lines, more than 400")
            );
        }
    }

    #[test]
    fn tests_followed_by_code_count() {
        assert_eq!(
            check(&file(LINES_MAX, &format!("{TESTS}fn late() {{}}\n"))).len(),
            1
        );
        assert_eq!(
            check(&file(LINES_MAX, "#[cfg(test)]\nmod other {\n}\n")).len(),
            1
        );
    }

    #[test]
    fn table_excuses_long_files_only() {
        let table = [("gateway/src/big.rs", "one table of codes")];
        assert_eq!(check_but(&file(LINES_MAX + 1, ""), &table), []);
        let stale = check_but(&file(LINES_MAX, ""), &table);
        assert_eq!(stale.len(), 1);
        assert!(stale[0].message.contains("remove it"));
    }
}
