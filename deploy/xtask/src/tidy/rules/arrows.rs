//! Dependencies among our own crates point down only, as ARCHITECTURE.md draws them.

use crate::tidy::manifest;
use crate::tidy::repository::{Repository, Violation};

/// What one crate may depend on, among our own.
struct Arrows {
    from: &'static str,
    /// In the program itself, build scripts included.
    to: &'static [&'static str],
    /// In addition, in its tests only.
    dev_to: &'static [&'static str],
}

/// Every crate of the workspace, from the bottom up.
const ARROWS: [Arrows; 16] = [
    arrows("fritzy-types", &[]),
    arrows("fritzy-domain", &["fritzy-types"]),
    arrows("fritzy-cluster", &["fritzy-types"]),
    // Real servers for tests: it knows none of the others, and only their tests and the tools know it.
    arrows("fritzy-testbed", &[]),
    Arrows {
        dev_to: &["fritzy-testbed"],
        ..arrows("fritzy-persistence", &["fritzy-domain", "fritzy-types"])
    },
    // Fixtures that know the shop: only tests know it.
    arrows(
        "fritzy-testbed-shop",
        &[
            "fritzy-domain",
            "fritzy-persistence",
            "fritzy-testbed",
            "fritzy-types",
        ],
    ),
    Arrows {
        // The runner is tested with a shop that fills a journal in memory.
        dev_to: &["fritzy-actors", "fritzy-cluster", "fritzy-persistence"],
        ..arrows("fritzy-projections", &["fritzy-domain", "fritzy-types"])
    },
    arrows(
        "fritzy-search",
        &["fritzy-domain", "fritzy-projections", "fritzy-types"],
    ),
    Arrows {
        // The shells know ports, never a database; their tests run on the journal in memory.
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
        dev_to: &["fritzy-testbed", "fritzy-testbed-shop"],
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
    Arrows {
        dev_to: &["fritzy-testbed"],
        ..arrows(
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
                "fritzy-types",
            ],
        )
    },
    arrows("xtask", &["fritzy-testbed"]),
    Arrows {
        // What others write against the topics knows nothing of ours; its test needs a shop.
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

const TABLE: &str = "ARROWS in deploy/xtask/src/tidy/rules/arrows.rs";

const fn arrows(from: &'static str, to: &'static [&'static str]) -> Arrows {
    Arrows {
        from,
        to,
        dev_to: &[],
    }
}

pub(super) fn check(repository: &Repository) -> Vec<Violation> {
    let ours = |name: &str| {
        repository
            .packages
            .iter()
            .any(|package| package.name == name)
    };
    let mut violations = Vec::new();
    for package in &repository.packages {
        let path = package.manifest_path.to_string_lossy();
        let text = repository.file(&path).map_or("", |file| &file.text);
        let Some(allowed) = ARROWS.iter().find(|arrows| arrows.from == package.name) else {
            let message = format!(
                "the crate {} has no arrows: add it to {TABLE}",
                package.name
            );
            violations.push(Violation::new(&path, 1, message));
            continue;
        };
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| ours(&dependency.name))
        {
            let to = dependency.name.as_str();
            let in_tests = dependency.is_dev();
            if allowed.to.contains(&to) || in_tests && allowed.dev_to.contains(&to) {
                continue;
            }
            let line = manifest::line_of(text, to);
            let place = if in_tests { ", not even in tests" } else { "" };
            let message = format!(
                "{} must not depend on {to}{place}: use a port of fritzy-domain and let the gateway put the parts together, \
                 or decide otherwise in ARCHITECTURE.md and in {TABLE}",
                package.name
            );
            violations.push(Violation::new(&path, line, message));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(actors: &[(&str, Option<&str>)]) -> Repository {
        let manifest =
            "[dependencies]\nfritzy-domain.workspace = true\nfritzy-persistence.workspace = true\n";
        Repository::of(&[("actors/Cargo.toml", manifest)])
            .with_crate("fritzy-domain", "actors/domain", &[("serde", None)])
            .with_crate("fritzy-cluster", "cluster", &[("fritzy-domain", None)])
            .with_crate(
                "fritzy-persistence",
                "persistence",
                &[("fritzy-domain", None)],
            )
            .with_crate("fritzy-actors", "actors", actors)
    }

    #[test]
    fn arrows_down_are_clean() {
        let clean = workspace(&[
            ("fritzy-cluster", None),
            ("fritzy-domain", Some("build")),
            ("fritzy-persistence", Some("dev")),
        ]);
        assert_eq!(check(&clean), []);
    }

    #[test]
    fn an_arrow_aside_is_named_with_its_line() {
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
    fn tests_have_their_own_arrows_and_no_more() {
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
    fn a_crate_nobody_placed_is_named() {
        let violations = check(&Repository::default().with_crate("fritzy-billing", "billing", &[]));
        assert_eq!(violations.len(), 1);
        assert!(
            violations[0]
                .message
                .contains("fritzy-billing has no arrows: add it to ARROWS in deploy/xtask")
        );
    }
}
