//! `cargo xtask tidy`: checks the repository itself.
//!
//! Each rule is a pure function from files and crates to violations, so each is tested by planting
//! one. Only [`gather`] reads the disk.

mod crate_graph;
mod gather;
mod links;
mod manifest;
mod repository;
mod rules;
mod syntax;
mod tokens;
mod words;

use anyhow::Result;

use crate::metadata::Metadata;
use repository::{Repository, Violation};

/// Checks the workspace around the current folder and prints each violation. Returns whether there
/// was none.
///
/// # Errors
/// When `cargo metadata` fails, or a file cannot be read.
pub(crate) fn run() -> Result<bool> {
    let repository = gather::repository(Metadata::read()?)?;
    let violations = check(&repository);
    for violation in &violations {
        println!("{violation}");
    }
    println!(
        "tidy: {} rules, {} crates, {} files, {} violations",
        rules::ALL.len(),
        repository.packages.len(),
        repository.files.len(),
        violations.len()
    );
    Ok(violations.is_empty())
}

/// The violations of every rule, in the order of paths and lines.
fn check(repository: &Repository) -> Vec<Violation> {
    let mut violations: Vec<Violation> = rules::ALL
        .iter()
        .flat_map(|rule| rule.violations(repository))
        .collect();
    violations.sort();
    violations.dedup();
    violations
}
