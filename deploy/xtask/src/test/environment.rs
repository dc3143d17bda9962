//! Where the steps run, and what they find there.

use std::cell::RefCell;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::metadata::{self, Metadata};
use crate::services::Started;

/// What every step is given.
pub(crate) struct Environment {
    /// The Cargo to build with.
    pub(crate) cargo: PathBuf,
    /// The folder of the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where Cargo builds, and where logs and pictures of a run are left.
    pub(crate) target: PathBuf,
    /// Whether missing tools were to be installed, so that their absence is no excuse.
    pub(crate) install: bool,
    /// Handed to `cargo test` as they are.
    pub(crate) cargo_test: Vec<String>,
    /// The servers of this run. They end with it, however it ends.
    pub(crate) services: RefCell<Vec<Started>>,
}

impl Environment {
    /// Asks Cargo where the workspace is.
    ///
    /// # Errors
    /// When Cargo does not know.
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

    /// The node as `cargo build` leaves it.
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
    /// For steps that look at nothing.
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

/// The first of these programs that `PATH` leads to.
pub(crate) fn program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    names.iter().find_map(|name| in_path(&path, name))
}

fn in_path(path: &OsString, name: &str) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    const EXECUTABLE: u32 = 0o111;
    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & EXECUTABLE != 0)
}

/// A Chromium: the one `CHROMIUM` names, or the first that `PATH` leads to.
pub(crate) fn chromium() -> Option<PathBuf> {
    match env::var_os("CHROMIUM") {
        Some(named) => Some(PathBuf::from(named)).filter(|file| is_program(file)),
        None => program(&[
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_folders_are_not() {
        assert!(program(&["no-such-program", "sh"]).is_some_and(|found| found.ends_with("sh")));
        assert_eq!(program(&["no-such-program"]), None);
        assert!(!is_program(Path::new("/")));
    }
}
