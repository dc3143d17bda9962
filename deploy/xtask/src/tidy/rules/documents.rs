//! The documents that a reader expects exist, and their relative links lead to files.

use crate::tidy::links::{linked_file, links};
use crate::tidy::repository::{Repository, SourceFile, Violation};

/// The documents that must exist, and what a reader finds there.
const DOCUMENTS: [(&str, &str); 5] = [
    ("README.md", "what this is and how to run it"),
    ("ARCHITECTURE.md", "purpose, layers, crates and invariants"),
    ("CONTRIBUTING.md", "how a change is made"),
    (
        "CHANGELOG.md",
        "one line per change in behaviour, and the known gaps",
    ),
    ("LICENSE", "the terms"),
];

/// The document that lists the known gaps, and its heading.
const CHANGELOG: &str = "CHANGELOG.md";
const GAPS: &str = "Known gaps";

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let missing = DOCUMENTS
        .iter()
        .filter(|(path, _)| repository.file(path).is_none());
    let missing =
        missing.map(|(path, what)| Violation::new(path, 1, format!("missing: write it ({what})")));
    let documents = repository
        .files
        .iter()
        .filter(|file| file.path.ends_with(".md"));
    let dead = documents.flat_map(|file| dead_links(file, repository));
    missing.chain(no_gaps(repository)).chain(dead).collect()
}

fn no_gaps(repository: &Repository) -> Option<Violation> {
    let changelog = repository.file(CHANGELOG)?;
    let heading = |line: &str| {
        line.starts_with('#') && line.trim_matches(['#', ' ']).eq_ignore_ascii_case(GAPS)
    };
    let missing = !changelog.text.lines().any(heading);
    missing.then(|| {
        let message =
            format!("no heading \"{GAPS}\": add it, and list under it what does not work yet");
        Violation::new(CHANGELOG, 1, message)
    })
}

fn dead_links(file: &SourceFile, repository: &Repository) -> Vec<Violation> {
    let dead = links(&file.text).into_iter().filter_map(|(line, link)| {
        let target = linked_file(&link, &file.path)?;
        let message =
            format!("the link to {link} is dead ({target} does not exist): correct or remove it");
        (!repository.has(&target)).then(|| Violation::new(&file.path, line, message))
    });
    dead.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: [(&str, &str); 6] = [
        (
            "README.md",
            "# F\nSee [how](CONTRIBUTING.md#x), [docs](docs/), [it](https://example.org/a).\n",
        ),
        ("ARCHITECTURE.md", "# A\n"),
        ("CONTRIBUTING.md", "# C\n"),
        ("CHANGELOG.md", "# Changes\n\n## Known gaps\n"),
        ("LICENSE", "MIT"),
        ("docs/operations.md", "[up](../README.md)\n"),
    ];

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Repository::of(files))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn complete_documents_are_clean() {
        assert_eq!(found(&CLEAN), [""; 0]);
    }

    #[test]
    fn each_missing_document_is_reported() {
        for (path, _) in DOCUMENTS
            .iter()
            .filter(|(path, _)| !path.starts_with("README") && !path.starts_with("CONTRIB"))
        {
            let files: Vec<_> = CLEAN
                .into_iter()
                .filter(|(existing, _)| existing != path)
                .collect();
            let found = found(&files);
            assert_eq!(found.len(), 1, "{path}");
            assert!(found[0].starts_with(&format!("{path}:1: missing: write it")));
        }
        assert!(
            found(&[])
                .iter()
                .any(|line| line.starts_with("README.md:1: missing"))
        );
        assert!(
            found(&[])
                .iter()
                .any(|line| line.starts_with("CONTRIBUTING.md:1: missing"))
        );
    }

    #[test]
    fn changelog_without_known_gaps_is_reported() {
        let mut files = CLEAN;
        files[3].1 = "# Changes\n\nKnown gaps: none\n";
        assert_eq!(found(&files).len(), 1);
        assert!(found(&files)[0].starts_with("CHANGELOG.md:1: no heading \"Known gaps\""));
    }

    #[test]
    fn dead_link_is_reported_with_its_line() {
        let mut files = CLEAN;
        files[5].1 = "# Operations\n\n[gone](gone.md)\n";
        assert_eq!(found(&files).len(), 1);
        assert!(
            found(&files)[0]
                .starts_with("docs/operations.md:3: the link to gone.md is dead (docs/gone.md")
        );
    }
}
