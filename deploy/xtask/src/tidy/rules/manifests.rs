//! Versions, lints and the minimum compiler are stated once, in the root Cargo.toml.

use crate::tidy::manifest::{Manifest, is_true};
use crate::tidy::repository::{Repository, SourceFile, Violation};

const ROOT: &str = "Cargo.toml";

/// What the root must state for every crate.
const STATED_AT_THE_ROOT: [&[&str]; 3] = [
    &["workspace", "resolver"],
    &["workspace", "package", "rust-version"],
    &["workspace", "package", "license"],
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
    let root = Manifest::parse(text);
    let missing = STATED_AT_THE_ROOT
        .iter()
        .filter(|path| root.get(path).is_none());
    missing
        .map(|path| {
            let message = format!("no `{}`: set it here, for every crate", path.join("."));
            Violation::new(ROOT, 1, message)
        })
        .collect()
}

fn check_member(file: &SourceFile) -> Vec<Violation> {
    let manifest = Manifest::parse(&file.text);
    let own_versions = manifest
        .dependencies()
        .into_iter()
        .filter(|dependency| !dependency.is_inherited);
    let mut violations: Vec<Violation> = own_versions
        .map(|dependency| {
            let message = format!(
                "{0} has its own version here: write `{0}.workspace = true`, and the version under \
                 [workspace.dependencies] in the root",
                dependency.name
            );
            Violation::new(&file.path, dependency.line, message)
        })
        .collect();
    if !is_true(manifest.get(&["lints", "workspace"])) {
        let message =
            "the lints of the workspace do not apply: add `[lints]` with `workspace = true`";
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
    fn workspace_that_states_things_once_is_clean() {
        assert_eq!(found(CLEAN_ROOT, CLEAN_MEMBER), [""; 0]);
    }

    #[test]
    fn version_in_a_member_is_reported_with_its_line() {
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let member =
                format!("[lints]\nworkspace = true\n[{table}]\nserde = {{ version = \"1\" }}\n");
            let found = found(CLEAN_ROOT, &member);
            assert_eq!(found.len(), 1, "{table}");
            assert!(found[0].starts_with("search/Cargo.toml:4: serde has its own version here"));
        }
    }

    #[test]
    fn member_without_the_lints_is_reported() {
        let found = found(
            CLEAN_ROOT,
            "[package]\nname = \"a\"\n[lints.rust]\nunsafe_code = \"allow\"\n",
        );
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("search/Cargo.toml:1: the lints of the workspace do not apply")
        );
    }

    #[test]
    fn each_key_missing_at_the_root_is_reported() {
        for path in STATED_AT_THE_ROOT {
            let key = path.last().unwrap();
            let root: String = CLEAN_ROOT
                .lines()
                .filter(|line| !line.starts_with(key))
                .map(|line| format!("{line}\n"))
                .collect();
            assert_eq!(
                found(&root, CLEAN_MEMBER),
                [format!(
                    "Cargo.toml:1: no `{}`: set it here, for every crate",
                    path.join(".")
                )]
            );
        }
    }
}
