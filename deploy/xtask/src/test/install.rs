//! `--install`: fetches what the chosen steps need and this machine lacks, with apt-get, as root.
//!
//! It never fails the run. A step that still lacks something says so itself, by name.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::environment::{Environment, program};
use super::steps::Step;
use super::stream::{self, Outputs};

/// A browser with its libraries is some hundred megabytes.
const APT_MAX: Duration = Duration::from_secs(15 * 60);

/// Something a step needs from Debian.
pub(crate) struct Tool {
    /// The packages that bring it.
    pub(crate) packages: &'static [&'static str],
    /// Whether it is there already.
    pub(crate) is_there: fn() -> bool,
}

/// Installs what the steps lack; says what it does, and what it cannot do.
pub(crate) fn what_is_missing(steps: &[&Step], environment: &Environment) {
    let missing = missing_packages(steps);
    if missing.is_empty() {
        return;
    }
    println!("\n=== install: {}", missing.join(" "));
    match install(&missing, environment) {
        Ok(()) => println!("--- install: done"),
        Err(error) => println!("--- install: not possible here: {error:#}"),
    }
}

fn missing_packages(steps: &[&Step]) -> Vec<&'static str> {
    let tools = steps.iter().flat_map(|step| step.installs);
    let mut packages: Vec<&str> = tools
        .filter(|tool| !(tool.is_there)())
        .flat_map(|tool| tool.packages)
        .copied()
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn install(packages: &[&str], environment: &Environment) -> Result<()> {
    ensure!(is_root(), "only root may install packages");
    ensure!(program(&["apt-get"]).is_some(), "there is no apt-get");
    apt_get(environment, &["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt_get(environment, &[&install, packages].concat())
}

fn apt_get(environment: &Environment, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .current_dir(&environment.root)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .arg("--quiet")
        .args(arguments);
    let ended = stream::run(&mut command, Outputs::Out, APT_MAX, |_| {})?;
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
    use super::super::outcome::{Counts, Outcome};
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
        const STEP: Step = Step {
            name: "x",
            about: "",
            needs: &[],
            installs: &[ABSENT, PRESENT],
            run: |_| {
                Ok(Outcome::passed(Counts {
                    passed: 0,
                    failed: 0,
                    skipped: 0,
                }))
            },
        };
        assert_eq!(missing_packages(&[&STEP, &STEP]), ["a", "b"]);
        assert_eq!(missing_packages(&[]), [""; 0]);
    }
}
