//! The environment of the steps: folders, Cargo, servers.

use std::cell::RefCell;
use std::path::PathBuf;

use anyhow::Result;

use crate::metadata::{self, Metadata};
use crate::services::Started;

/// Passed to every step.
pub(crate) struct Environment {
    /// The Cargo to build with.
    pub(crate) cargo: PathBuf,
    /// The folder of the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// The folder of builds; logs and screenshots of a run stay there too.
    pub(crate) target: PathBuf,
    /// Whether missing tools are installed: then their absence is a failure.
    pub(crate) install: bool,
    /// Arguments for `cargo test`.
    pub(crate) cargo_test: Vec<String>,
    /// The servers of this run. They end with it, even if it is killed.
    pub(crate) services: RefCell<Vec<Started>>,
}

impl Environment {
    /// The environment of the workspace around the current folder.
    ///
    /// # Errors
    /// When `cargo metadata` fails.
    pub(crate) fn new(install: bool, cargo_test: Vec<String>) -> Result<Self> {
        let metadata = Metadata::read()?;
        Ok(Self {
            cargo: metadata::cargo(),
            root: metadata.workspace_root,
            target: metadata.target_directory,
            install,
            cargo_test,
            services: RefCell::default(),
        })
    }

    /// The node that `cargo build` makes.
    pub(crate) fn node_binary(&self) -> PathBuf {
        self.target.join("debug/fritzy")
    }

    /// The folder of the outside clients.
    pub(crate) fn web(&self) -> PathBuf {
        self.root.join("gateway/tests/web")
    }
}

#[cfg(test)]
impl Environment {
    /// For steps that use nothing of it.
    pub(crate) fn nowhere() -> Self {
        Self {
            cargo: PathBuf::new(),
            root: PathBuf::new(),
            target: PathBuf::new(),
            install: false,
            cargo_test: Vec::new(),
            services: RefCell::default(),
        }
    }
}
