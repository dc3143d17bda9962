//! Some outside crates belong to one place: a second place that names them has begun to do another crate's work.

use crate::tidy::manifest;
use crate::tidy::repository::{Repository, Violation};

/// An outside crate, and the only crates of ours that may name it, in tests as well.
struct Exclusive {
    dependency: &'static str,
    to: &'static [&'static str],
}

const EXAMPLE: &str = "account-totals";
const BENCH: &str = "fritzy-bench";
const SUPPORT: &str = "fritzy-bench-support";

const EXCLUSIVES: [Exclusive; 10] = [
    // The baseline of the load tester has a schema of one field.
    only("async-graphql", &["fritzy-gateway", SUPPORT]),
    only("bincode", &["fritzy-cluster"]),
    only("meilisearch-sdk", &["fritzy-search"]),
    // The load tester measures a bare call between two of its nodes.
    only(
        "ractor",
        &[
            "fritzy-actors",
            "fritzy-projections",
            "fritzy-cluster",
            BENCH,
        ],
    ),
    only("ractor_cluster", &["fritzy-cluster", BENCH]),
    // Tests read what a killed node has published. The example stands for a program of others.
    only("rdkafka", &["fritzy-kafka", "fritzy-testbed-shop", EXAMPLE]),
    only("rdkafka-sys", &["fritzy-kafka"]),
    only("sqlx", &["fritzy-persistence", SUPPORT, EXAMPLE]),
    only("tantivy", &["fritzy-search"]),
    // The node serves the operators' endpoint by it.
    only("warp", &["fritzy-gateway", "fritzy-node"]),
];

/// What the pure core never depends on: time, chance and the world come in as arguments.
const NEVER_IN_DOMAIN: [&str; 7] = [
    "chrono",
    "getrandom",
    "ractor",
    "rand",
    "sqlx",
    "time",
    "tokio",
];

const DOMAIN: &str = "fritzy-domain";

const fn only(dependency: &'static str, to: &'static [&'static str]) -> Exclusive {
    Exclusive { dependency, to }
}

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &repository.packages {
        let path = package.manifest_path.to_string_lossy();
        let text = repository.file(&path).map_or("", |file| &file.text);
        for dependency in &package.dependencies {
            if let Some(reason) = refusal(&package.name, &dependency.name) {
                let line = manifest::line_of(text, &dependency.name);
                violations.push(Violation::new(&path, line, reason));
            }
        }
    }
    violations
}

fn refusal(package: &str, dependency: &str) -> Option<String> {
    if package == DOMAIN && NEVER_IN_DOMAIN.contains(&dependency) {
        let message = format!(
            "{DOMAIN} must not depend on {dependency}: it is pure, so take what you need as an argument or make it a port"
        );
        return Some(message);
    }
    let exclusive = EXCLUSIVES
        .iter()
        .find(|exclusive| exclusive.dependency == dependency)?;
    (!exclusive.to.contains(&package)).then(|| {
        format!(
            "{dependency} belongs to {} alone, and {package} names it: ask that crate for what you need",
            exclusive.to.join(" and ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exclusive_is_refused_elsewhere_and_welcome_at_home() {
        for exclusive in &EXCLUSIVES {
            for home in exclusive.to {
                let at_home =
                    Repository::default().with_crate(home, "home", &[(exclusive.dependency, None)]);
                assert_eq!(check(&at_home), [], "{} in {home}", exclusive.dependency);
            }
            for kind in [None, Some("dev"), Some("build")] {
                let elsewhere = Repository::default().with_crate(
                    "xtask",
                    "deploy/xtask",
                    &[(exclusive.dependency, kind)],
                );
                let violations = check(&elsewhere);
                assert_eq!(violations.len(), 1, "{} as {kind:?}", exclusive.dependency);
                let expected = format!("{} belongs to {}", exclusive.dependency, exclusive.to[0]);
                assert!(violations[0].message.starts_with(&expected));
            }
        }
    }

    #[test]
    fn the_domain_names_neither_clock_nor_chance_nor_runtime() {
        let manifest =
            "[package]\n[dependencies]\nserde.workspace = true\ntokio.workspace = true\n";
        for banned in NEVER_IN_DOMAIN {
            let repository = Repository::of(&[("actors/domain/Cargo.toml", manifest)]).with_crate(
                DOMAIN,
                "actors/domain",
                &[("serde", None), (banned, None)],
            );
            let violations = check(&repository);
            assert_eq!(violations.len(), 1, "{banned}");
            assert!(
                violations[0]
                    .message
                    .contains(&format!("must not depend on {banned}: it is pure"))
            );
            assert_eq!(violations[0].line, if banned == "tokio" { 4 } else { 1 });
        }
    }
}
