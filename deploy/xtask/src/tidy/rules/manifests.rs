//! Versions, lints and the floor of the compiler are said once, in the root Cargo.toml.

use crate::tidy::manifest::{dependencies, entries};
use crate::tidy::repository::{Repository, SourceFile, Violation};

const ROOT: &str = "Cargo.toml";

/// What the root must say for everyone: (table, key).
const SAID_AT_THE_ROOT: [(&str, &str); 3] = [
    ("workspace", "resolver"),
    ("workspace.package", "rust-version"),
    ("workspace.package", "license"),
];

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let members = repository
        .files
        .iter()
        .filter(|file| file.path.ends_with("/Cargo.toml"));
    let root = repository.file(ROOT).map_or("", |file| &file.text);
    members
        .flat_map(check_member)
        .chain(check_root(root))
        .collect()
}

fn check_root(text: &str) -> Vec<Violation> {
    let entries = entries(text);
    let said = |table, key| {
        entries
            .iter()
            .any(|entry| (entry.table, entry.key) == (table, key))
    };
    let unsaid = SAID_AT_THE_ROOT
        .iter()
        .filter(|(table, key)| !said(table, key));
    unsaid
        .map(|(table, key)| {
            Violation::new(
                ROOT,
                1,
                format!("no `{key}` in [{table}]: say it here, for every crate"),
            )
        })
        .collect()
}

fn check_member(file: &SourceFile) -> Vec<Violation> {
    let own_versions = dependencies(&file.text)
        .into_iter()
        .filter(|named| !named.inherited);
    let mut violations: Vec<Violation> = own_versions
        .map(|named| {
            let message = format!(
                "{0} has its own version here: write `{0}.workspace = true`, and the version under \
                 [workspace.dependencies] in the root",
                named.name
            );
            Violation::new(&file.path, named.line, message)
        })
        .collect();
    let lints = entries(&file.text)
        .iter()
        .any(|entry| (entry.table, entry.key, entry.value) == ("lints", "workspace", "true"));
    if !lints {
        let message =
            "the lints of the workspace are not in force: add `[lints]` with `workspace = true`";
        violations.push(Violation::new(&file.path, 1, message));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN_ROOT: &str = "[workspace]\nresolver = \"3\"\n[workspace.package]\nrust-version = \"1.94\"\nlicense = \"MIT\"\n\
         [workspace.dependencies]\nserde = \"1\"\n";
    const CLEAN_MEMBER: &str = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";

    fn found(root: &str, member: &str) -> Vec<String> {
        let repository = Repository::of(&[(ROOT, root), ("search/Cargo.toml", member)]);
        check(&repository).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_workspace_that_says_things_once_is_clean() {
        assert_eq!(found(CLEAN_ROOT, CLEAN_MEMBER), [""; 0]);
    }

    #[test]
    fn a_version_in_a_member_is_named_with_its_line() {
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let member =
                format!("[lints]\nworkspace = true\n[{table}]\nserde = {{ version = \"1\" }}\n");
            let found = found(CLEAN_ROOT, &member);
            assert_eq!(found.len(), 1, "{table}");
            assert!(found[0].starts_with("search/Cargo.toml:4: serde has its own version here"));
        }
    }

    #[test]
    fn a_member_without_the_lints_is_named() {
        let found = found(
            CLEAN_ROOT,
            "[package]\nname = \"a\"\n[lints.rust]\nunsafe_code = \"allow\"\n",
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .starts_with("search/Cargo.toml:1: the lints of the workspace are not in force")
        );
    }

    #[test]
    fn each_thing_the_root_leaves_unsaid_is_named() {
        for (table, key) in SAID_AT_THE_ROOT {
            let root: String = CLEAN_ROOT
                .lines()
                .filter(|line| !line.starts_with(key))
                .map(|line| format!("{line}\n"))
                .collect();
            assert_eq!(
                found(&root, CLEAN_MEMBER),
                [format!(
                    "Cargo.toml:1: no `{key}` in [{table}]: say it here, for every crate"
                )]
            );
        }
    }
}
