//! A file tells one story; a long file has begun a second one.

use crate::tidy::repository::{Repository, Violation};
use crate::tidy::rust_text::{Kind, without};

/// About eight screens. Unit tests at the end of a file do not count: they tell the same story again.
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
        let lines = lines_without_trailing_tests(&file.text);
        let excused = longer.iter().any(|(path, _)| *path == file.path);
        if lines > LINES_MAX && !excused {
            let message = format!(
                "{lines} lines, more than {LINES_MAX}: find the second story in it and give it a file, \
                 or say in {TABLE} why it is one story"
            );
            violations.push(Violation::new(&file.path, LINES_MAX + 1, message));
        }
        if lines <= LINES_MAX && excused {
            let message = format!("only {lines} lines: take it out of {TABLE}");
            violations.push(Violation::new(&file.path, 1, message));
        }
    }
    violations
}

fn lines_without_trailing_tests(text: &str) -> usize {
    let code = without(text, &[Kind::Comment, Kind::Literal]);
    let lines: Vec<&str> = code.lines().map(str::trim_end).collect();
    trailing_tests_from(&lines).unwrap_or(lines.len())
}

/// Where the `#[cfg(test)] mod tests` begins that ends the file, if one does. Formatted code closes it in column 0.
fn trailing_tests_from(lines: &[&str]) -> Option<usize> {
    let from = lines.iter().rposition(|line| *line == "#[cfg(test)]")?;
    let opens = from
        + lines[from..]
            .iter()
            .position(|line| !line.starts_with("#["))?;
    let closes = opens + lines[opens..].iter().position(|line| *line == "}")?;
    let is_last = lines[closes + 1..].iter().all(|line| line.is_empty());
    (lines[opens] == "mod tests {" && is_last).then_some(from)
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
    fn one_line_too_many_is_named() {
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
    fn code_after_the_tests_makes_them_count() {
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
    fn the_table_excuses_long_files_only() {
        let table = [("gateway/src/big.rs", "one table of codes")];
        assert_eq!(check_but(&file(LINES_MAX + 1, ""), &table), []);
        let stale = check_but(&file(LINES_MAX, ""), &table);
        assert_eq!(stale.len(), 1);
        assert!(stale[0].message.contains("take it out"));
    }
}
