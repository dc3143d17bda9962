//! `cargo xtask tidy`: checks the repository itself, the way a reviewer with endless patience would.
//!
//! Each rule is a pure function from the files and crates to its violations, so that every rule is tested by planting
//! one; only [`gather`] touches the disk.

mod gather;
mod links;
mod manifest;
mod repository;
mod rules;
mod rust_text;
mod use_trees;

use anyhow::Result;

use crate::metadata::Metadata;
use repository::{Repository, Violation};

/// Checks the workspace around the current folder, prints each violation, and says whether there was none.
///
/// # Errors
/// When Cargo, git or the disk refuse to tell what the repository holds.
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
