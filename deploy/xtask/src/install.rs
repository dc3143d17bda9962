//! `--install`: installs tools that the chosen steps or services lack, with apt-get, as root.
//!
//! It never fails the run. A step that still lacks a tool reports it by name.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::child_process::{self, Outputs};
use crate::programs::program;

/// A browser with its libraries has some hundred megabytes.
const APT_MAX: Duration = Duration::from_secs(15 * 60);

/// A tool that a step or a service needs, as Debian packages it.
pub(crate) struct Tool {
    /// The packages to install.
    pub(crate) packages: &'static [&'static str],
    /// Whether this machine has it.
    pub(crate) is_installed: fn() -> bool,
}

/// Installs those of the tools that are missing, and reports on the standard error.
pub(crate) fn install_missing<'a>(tools: impl IntoIterator<Item = &'a Tool>) {
    let missing = missing_packages(tools);
    if missing.is_empty() {
        return;
    }
    eprintln!("\n=== install: {}", missing.join(" "));
    match install(&missing) {
        Ok(()) => eprintln!("--- install: done"),
        Err(error) => eprintln!("--- install: failed: {error:#}"),
    }
}

fn missing_packages<'a>(tools: impl IntoIterator<Item = &'a Tool>) -> Vec<&'static str> {
    let mut packages: Vec<&str> = tools
        .into_iter()
        .filter(|tool| !(tool.is_installed)())
        .flat_map(|tool| tool.packages)
        .copied()
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn install(packages: &[&str]) -> Result<()> {
    ensure!(is_root(), "only root may install packages");
    ensure!(program(&["apt-get"]).is_some(), "there is no apt-get");
    apt_get(&["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt_get(&[&install, packages].concat())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .arg("--quiet")
        .args(arguments);
    let ended = child_process::run(&mut command, Outputs::OutAsErr, APT_MAX, |_| {})?;
    match ended.fault(&format!("apt-get {}", arguments[0])) {
        Some(fault) => anyhow::bail!(fault),
        None => Ok(()),
    }
}

/// By the program `id`: the standard library has no function for it.
fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_package_is_installed_once() {
        const ABSENT: Tool = Tool {
            packages: &["b", "a"],
            is_installed: || false,
        };
        const PRESENT: Tool = Tool {
            packages: &["c"],
            is_installed: || true,
        };
        assert_eq!(missing_packages([&ABSENT, &PRESENT, &ABSENT]), ["a", "b"]);
        assert_eq!(missing_packages([]), [""; 0]);
    }
}
