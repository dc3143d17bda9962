//! What Cargo knows about the workspace: its folders, its crates and their direct dependencies.
//!
//! Read with `--no-deps --offline`, so that it needs neither a network nor a resolved tree.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// The part of `cargo metadata` that the commands here use.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// The folder of the root Cargo.toml.
    pub(crate) workspace_root: PathBuf,
    /// The folder of builds; `CARGO_TARGET_DIR` can move it.
    pub(crate) target_directory: PathBuf,
    /// The members of the workspace.
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    /// The name in its Cargo.toml.
    pub(crate) name: String,
    /// Its Cargo.toml: absolute from Cargo, relative to the root once a `Repository` holds it.
    pub(crate) manifest_path: PathBuf,
    /// Its direct dependencies of all kinds, dev and build included.
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    /// The package's name, even if it is renamed here.
    pub(crate) name: String,
    /// `None` for a normal dependency, otherwise `"dev"` or `"build"`.
    pub(crate) kind: Option<String>,
}

impl Dependency {
    /// Whether only tests, examples and benches use it; a build dependency counts as a normal one.
    pub(crate) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Metadata {
    /// Runs `cargo metadata` for the workspace around the current folder.
    ///
    /// # Errors
    /// When Cargo cannot be run, rejects a manifest, or prints unexpected JSON.
    pub(crate) fn read() -> Result<Self> {
        let output = Command::new(cargo())
            .args([
                "metadata",
                "--no-deps",
                "--format-version",
                "1",
                "--offline",
            ])
            .output()
            .context("cannot run `cargo metadata`")?;
        ensure!(
            output.status.success(),
            "`cargo metadata` failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        serde_json::from_slice(&output.stdout).context("cannot read the output of `cargo metadata`")
    }
}

/// The Cargo that runs this program, so that `cargo +version xtask` keeps its toolchain.
pub(crate) fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| Path::new("cargo").to_path_buf(), PathBuf::from)
}
