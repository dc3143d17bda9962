//! `--install`: fetches what the chosen steps or services need and this machine lacks, with apt-get, as root.
//!
//! It never fails the run. What still lacks something says so itself, by name.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::environment::program;
use super::stream::{self, Outputs};

/// A browser with its libraries is some hundred megabytes.
const APT_MAX: Duration = Duration::from_secs(15 * 60);

/// Something a step or a service needs from Debian.
pub(crate) struct Tool {
    /// The packages that bring it.
    pub(crate) packages: &'static [&'static str],
    /// Whether it is there already.
    pub(crate) is_there: fn() -> bool,
}

/// Installs what of these is not there; says what it does, and what it cannot do, on the standard error.
pub(crate) fn what_is_missing<'a>(tools: impl IntoIterator<Item = &'a Tool>) {
    let missing = missing_packages(tools);
    if missing.is_empty() {
        return;
    }
    eprintln!("\n=== install: {}", missing.join(" "));
    match install(&missing) {
        Ok(()) => eprintln!("--- install: done"),
        Err(error) => eprintln!("--- install: not possible here: {error:#}"),
    }
}

fn missing_packages<'a>(tools: impl IntoIterator<Item = &'a Tool>) -> Vec<&'static str> {
    let mut packages: Vec<&str> = tools
        .into_iter()
        .filter(|tool| !(tool.is_there)())
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
    let ended = stream::run(&mut command, Outputs::OutAsErr, APT_MAX, |_| {})?;
    match ended.fault(&format!("apt-get {}", arguments[0])) {
        Some(fault) => anyhow::bail!(fault),
        None => Ok(()),
    }
}

/// Asked of `id`, because the standard library cannot say.
fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_package_is_asked_for_once() {
        const ABSENT: Tool = Tool {
            packages: &["b", "a"],
            is_there: || false,
        };
        const PRESENT: Tool = Tool {
            packages: &["c"],
            is_there: || true,
        };
        assert_eq!(missing_packages([&ABSENT, &PRESENT, &ABSENT]), ["a", "b"]);
        assert_eq!(missing_packages([]), [""; 0]);
    }
}
