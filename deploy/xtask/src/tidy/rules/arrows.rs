//! Dependencies among the workspace's crates point down only, as ARCHITECTURE.md draws them.
//!
//! Outside crates are in deny.toml, with one exception: what the pure domain must not depend on.
//! cargo-deny would need a list of everybody else who may.

use crate::metadata::Dependency;
use crate::tidy::manifest::Manifest;
use crate::tidy::repository::{Repository, Violation};

/// What one crate may depend on, within the workspace.
struct Arrows {
    from: &'static str,
    /// In the product, build scripts included.
    to: &'static [&'static str],
    /// In addition, in tests only.
    dev_to: &'static [&'static str],
}

/// Every crate of the workspace, from the bottom up.
const ARROWS: [Arrows; 18] = [
    arrows("fritzy-types", &[]),
    arrows("fritzy-domain", &["fritzy-types"]),
    Arrows {
        // The golden bytes of its messages.
        dev_to: &["fritzy-testbed"],
        ..arrows("fritzy-cluster", &["fritzy-types"])
    },
    // Real servers for tests. Only tests and tools depend on it.
    arrows("fritzy-testbed", &[]),
    // A cluster that tests and tools break. It knows processes, never the shop.
    Arrows {
        dev_to: &["fritzy-testbed-shop", "fritzy-types"],
        ..arrows("fritzy-testbed-faults", &["fritzy-testbed"])
    },
    Arrows {
        dev_to: &["fritzy-testbed"],
        ..arrows("fritzy-persistence", &["fritzy-domain", "fritzy-types"])
    },
    // Fixtures that know the shop, for tests.
    arrows(
        "fritzy-testbed-shop",
        &[
            "fritzy-domain",
            "fritzy-persistence",
            "fritzy-testbed",
            "fritzy-types",
        ],
    ),
    // Random schedules of faults: clients of the shop, and what their histories mean.
    arrows(
        "fritzy-testbed-schedules",
        &[
            "fritzy-domain",
            "fritzy-testbed",
            "fritzy-testbed-faults",
            "fritzy-testbed-shop",
            "fritzy-types",
        ],
    ),
    Arrows {
        // The tests of the runner need a shop that fills a journal in memory.
        dev_to: &["fritzy-actors", "fritzy-cluster", "fritzy-persistence"],
        ..arrows("fritzy-projections", &["fritzy-domain", "fritzy-types"])
    },
    arrows(
        "fritzy-search",
        &["fritzy-domain", "fritzy-projections", "fritzy-types"],
    ),
    Arrows {
        // The shells know ports, never a database; their tests use the journal in memory.
        dev_to: &[
            "fritzy-persistence",
            "fritzy-testbed",
            "fritzy-testbed-shop",
        ],
        ..arrows(
            "fritzy-actors",
            &[
                "fritzy-cluster",
                "fritzy-domain",
                "fritzy-projections",
                "fritzy-types",
            ],
        )
    },
    Arrows {
        dev_to: &[
            "fritzy-actors",
            "fritzy-persistence",
            "fritzy-testbed",
            "fritzy-testbed-shop",
        ],
        ..arrows(
            "fritzy-kafka",
            &["fritzy-domain", "fritzy-projections", "fritzy-types"],
        )
    },
    arrows(
        "fritzy-gateway",
        &[
            "fritzy-actors",
            "fritzy-cluster",
            "fritzy-domain",
            "fritzy-types",
        ],
    ),
    Arrows {
        dev_to: &[
            "fritzy-testbed",
            "fritzy-testbed-faults",
            "fritzy-testbed-shop",
        ],
        ..arrows(
            "fritzy-node",
            &[
                "fritzy-actors",
                "fritzy-cluster",
                "fritzy-domain",
                "fritzy-gateway",
                "fritzy-kafka",
                "fritzy-persistence",
                "fritzy-projections",
                "fritzy-search",
                "fritzy-types",
            ],
        )
    },
    Arrows {
        dev_to: &["fritzy-actors", "fritzy-persistence", "fritzy-testbed"],
        ..arrows(
            "fritzy-bench-support",
            &[
                "fritzy-cluster",
                "fritzy-domain",
                "fritzy-gateway",
                "fritzy-types",
            ],
        )
    },
    // The soak runs a cluster of the testbed.
    arrows(
        "fritzy-bench",
        &[
            "fritzy-actors",
            "fritzy-cluster",
            "fritzy-domain",
            "fritzy-kafka",
            "fritzy-persistence",
            "fritzy-projections",
            "fritzy-bench-support",
            "fritzy-search",
            "fritzy-testbed",
            "fritzy-testbed-faults",
            "fritzy-types",
        ],
    ),
    arrows("xtask", &["fritzy-testbed"]),
    Arrows {
        // Stands for a program of others, which sees only the topics; its test needs a shop.
        dev_to: &[
            "fritzy-actors",
            "fritzy-domain",
            "fritzy-kafka",
            "fritzy-persistence",
            "fritzy-projections",
            "fritzy-types",
            "fritzy-testbed",
        ],
        ..arrows("account-totals", &[])
    },
];

/// Outside crates that the domain never depends on, not even in tests: time, randomness and IO are
/// arguments (I5).
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

const TABLE: &str = "ARROWS in deploy/xtask/src/tidy/rules/arrows.rs";

const fn arrows(from: &'static str, to: &'static [&'static str]) -> Arrows {
    Arrows {
        from,
        to,
        dev_to: &[],
    }
}

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &repository.packages {
        let path = package.manifest_path.to_string_lossy();
        let Some(allowed) = ARROWS.iter().find(|arrows| arrows.from == package.name) else {
            let message = format!(
                "the crate {} has no arrows: add it to {TABLE}",
                package.name
            );
            violations.push(Violation::new(&path, 1, message));
            continue;
        };
        let text = repository.file(&path).map_or("", |file| &file.text);
        let manifest = Manifest::parse(text);
        let wrong = package.dependencies.iter().filter_map(|dependency| {
            let message = refusal(repository, allowed, dependency)?;
            let line = manifest.line_of(&dependency.name);
            Some(Violation::new(&path, line, message))
        });
        violations.extend(wrong);
    }
    violations
}

fn refusal(repository: &Repository, allowed: &Arrows, dependency: &Dependency) -> Option<String> {
    let (from, to) = (allowed.from, dependency.name.as_str());
    if from == DOMAIN && NEVER_IN_DOMAIN.contains(&to) {
        let message = format!(
            "{from} must not depend on {to}: it is pure, so take the value as an argument or make it a port"
        );
        return Some(message);
    }
    let is_member = repository.packages.iter().any(|package| package.name == to);
    let in_tests = dependency.is_dev();
    if !is_member || allowed.to.contains(&to) || in_tests && allowed.dev_to.contains(&to) {
        return None;
    }
    let place = if in_tests { ", not even in tests" } else { "" };
    Some(format!(
        "{from} must not depend on {to}{place}: use a port of fritzy-domain and let the node assemble the parts, \
         or record another decision in docs/adr and in {TABLE}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(actors: &[(&str, Option<&str>)]) -> Repository {
        let manifest =
            "[dependencies]\nfritzy-domain.workspace = true\nfritzy-persistence.workspace = true\n";
        Repository::of(&[("actors/Cargo.toml", manifest)])
            .with_crate("fritzy-domain", "actors/domain", &[("serde", None)])
            .with_crate("fritzy-types", "cluster/types", &[])
            .with_crate("fritzy-cluster", "cluster", &[("fritzy-types", None)])
            .with_crate(
                "fritzy-persistence",
                "persistence",
                &[("fritzy-domain", None)],
            )
            .with_crate("fritzy-actors", "actors", actors)
    }

    #[test]
    fn downward_arrows_are_clean() {
        let clean = workspace(&[
            ("fritzy-cluster", None),
            ("fritzy-domain", Some("build")),
            ("fritzy-persistence", Some("dev")),
        ]);
        assert_eq!(check(&clean), []);
    }

    #[test]
    fn arrow_outside_the_table_is_reported_with_its_line() {
        for kind in [None, Some("build")] {
            let violations = check(&workspace(&[("fritzy-persistence", kind)]));
            assert_eq!(violations.len(), 1);
            assert_eq!(
                (violations[0].path.as_str(), violations[0].line),
                ("actors/Cargo.toml", 3)
            );
            assert!(
                violations[0]
                    .message
                    .starts_with("fritzy-actors must not depend on fritzy-persistence:")
            );
        }
    }

    #[test]
    fn arrow_upwards_is_refused_in_tests_too() {
        let upwards = Repository::default()
            .with_crate("fritzy-actors", "actors", &[])
            .with_crate(
                "fritzy-domain",
                "actors/domain",
                &[("fritzy-actors", Some("dev"))],
            );
        let violations = check(&upwards);
        assert_eq!(violations.len(), 1);
        assert!(
            violations[0]
                .message
                .starts_with("fritzy-domain must not depend on fritzy-actors, not even in tests")
        );
    }

    #[test]
    fn crate_outside_the_table_is_reported() {
        let violations = check(&Repository::default().with_crate("fritzy-billing", "billing", &[]));
        assert_eq!(violations.len(), 1);
        assert!(
            violations[0]
                .message
                .contains("fritzy-billing has no arrows: add it to ARROWS in deploy/xtask")
        );
    }

    #[test]
    fn domain_with_a_clock_randomness_or_runtime_is_reported() {
        let manifest =
            "[package]\n[dependencies]\nserde.workspace = true\ntokio.workspace = true\n";
        for banned in NEVER_IN_DOMAIN {
            let repository = Repository::of(&[("actors/domain/Cargo.toml", manifest)]).with_crate(
                DOMAIN,
                "actors/domain",
                &[("serde", None), (banned, Some("dev"))],
            );
            let violations = check(&repository);
            assert_eq!(violations.len(), 1, "{banned}");
            let expected = format!("fritzy-domain must not depend on {banned}: it is pure");
            assert!(violations[0].message.starts_with(&expected));
            assert_eq!(violations[0].line, if banned == "tokio" { 4 } else { 1 });
        }
    }
}
