//! No file or folder is named utils, common, helpers or manager: such names attract everything.

use crate::tidy::repository::{Repository, Violation};

/// Names without a subject, with any extension.
const MEANINGLESS: [&str; 7] = [
    "common", "helper", "helpers", "manager", "managers", "util", "utils",
];

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &repository.files {
        for part in file.path.split('/') {
            let stem = part.split('.').next().unwrap_or(part);
            if MEANINGLESS.contains(&stem.to_lowercase().as_str()) {
                let message = format!("`{part}` has no meaning: name it by its content");
                violations.push(Violation::new(&file.path, 1, message));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meaningful_names_are_clean() {
        let paths = [
            ("cluster/src/router.rs", ""),
            ("docs/uncommon.md", ""),
            ("persistence/tests/journal.rs", ""),
        ];
        assert_eq!(check(&Repository::of(&paths)), []);
    }

    #[test]
    fn meaningless_names_are_reported() {
        for path in [
            "gateway/src/utils.rs",
            "gateway/tests/common/mod.rs",
            "gateway/tests/web/helpers.mjs",
            "actors/src/Manager.rs",
            "deploy/util.test.sh",
        ] {
            let violations = check(&Repository::of(&[(path, "")]));
            assert_eq!(violations.len(), 1, "{path}");
            assert!(
                violations[0]
                    .to_string()
                    .starts_with(&format!("{path}:1: `"))
            );
            assert!(violations[0].message.contains("has no meaning"));
        }
    }
}
