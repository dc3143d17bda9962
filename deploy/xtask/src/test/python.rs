//! Prepares Python for the outside clients: an environment with the locked packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::client::Ready;
use super::environment::Environment;
use crate::child_process::{self, Outputs};
use crate::programs::program;

/// Some thirty small packages, and pip's own retries.
const INSTALL_MAX: Duration = Duration::from_secs(5 * 60);

/// Required by the locked packages. Debian 12 has 3.11.
const MINOR_MIN: u32 = 11;

/// Messages of pip when the index cannot be reached, as opposed to a mistake in the project.
const UNREACHABLE: [&str; 6] = [
    "Retrying (Retry(",
    "Max retries exceeded",
    "ProxyError",
    "Read timed out",
    "403 Client Error",
    "503 Server Error",
];

/// Whether Python can create environments: Debian has a package of its own for that.
pub(crate) fn is_installed() -> bool {
    program(&["python3"]).is_some_and(|python| {
        let can = Command::new(python)
            .args(["-c", "import ensurepip, venv"])
            .output();
        can.is_ok_and(|can| can.status.success())
    })
}

/// Prepares an environment with exactly the packages that `requirements` locks.
///
/// # Errors
/// When the packages cannot be installed, except that without `--install` an index out of reach is
/// a missing tool.
pub(crate) fn prepare(environment: &Environment, name: &str, requirements: &Path) -> Result<Ready> {
    let Some(python) = program(&["python3"]).filter(|_| is_installed()) else {
        let reason = "Python with venv is not installed (Debian: python3 python3-venv)";
        return Ok(Ready::Missing(reason.to_owned()));
    };
    let minor = minor(&python)?;
    if minor < MINOR_MIN {
        let reason =
            format!("Python 3.{minor} is too old for this client, which needs 3.{MINOR_MIN}");
        return Ok(Ready::Missing(reason));
    }
    let locked = fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let folder = environment
        .target
        .join("xtask")
        .join(format!("{name}-python"));
    // Written last: an incomplete installation has none.
    let installed = folder.join("installed.txt");
    let ready = folder.join("bin/python");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(Ready::With(ready));
    }
    create(&python, &folder)?;
    match install(&ready, requirements)? {
        None => {
            fs::write(&installed, locked)?;
            Ok(Ready::With(ready))
        }
        Some(Fault::Unreachable(fault)) if !environment.install => Ok(Ready::Missing(fault)),
        Some(Fault::Unreachable(fault) | Fault::InProject(fault)) => bail!(fault),
    }
}

/// The minor version out of `Python 3.11.7`.
fn minor(python: &Path) -> Result<u32> {
    let output = Command::new(python).arg("--version").output();
    let output = output.context("cannot run Python")?;
    let version = String::from_utf8_lossy(&output.stdout);
    minor_in(&version)
        .with_context(|| format!("unexpected output of `python3 --version`: {version:?}"))
}

fn minor_in(version: &str) -> Option<u32> {
    let rest = version.trim().strip_prefix("Python 3.")?;
    rest.split('.').next()?.parse().ok()
}

fn create(python: &Path, folder: &PathBuf) -> Result<()> {
    let mut command = Command::new(python);
    command.args(["-m", "venv", "--clear"]).arg(folder);
    let ended = child_process::run(&mut command, Outputs::OutAndErr, INSTALL_MAX, |_| {})?;
    match ended.fault("python3 -m venv") {
        Some(fault) => bail!(fault),
        None => Ok(()),
    }
}

enum Fault {
    Unreachable(String),
    InProject(String),
}

fn install(python: &Path, requirements: &Path) -> Result<Option<Fault>> {
    let mut unreachable = false;
    let mut command = Command::new(python);
    command
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        // No source packages: their builds run scripts.
        .args([
            "--only-binary",
            ":all:",
            "--require-hashes",
            "--requirement",
        ])
        .arg(requirements);
    let ended = child_process::run(&mut command, Outputs::OutAndErr, INSTALL_MAX, |line| {
        unreachable |= is_unreachable(line);
    })?;
    let Some(fault) = ended.fault("pip install") else {
        return Ok(None);
    };
    Ok(Some(if unreachable || ended.timed_out {
        Fault::Unreachable("the Python package index cannot be reached".to_owned())
    } else {
        Fault::InProject(fault)
    }))
}

fn is_unreachable(line: &str) -> bool {
    UNREACHABLE.iter().any(|sign| line.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_version_is_parsed() {
        assert_eq!(minor_in("Python 3.11.7\n"), Some(11));
        assert_eq!(minor_in("Python 3.13.0rc1"), Some(13));
        assert_eq!(minor_in("Python 2.7.18"), None);
    }

    #[test]
    fn unreachable_index_is_recognized() {
        let retrying = "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'NewConnectionError'";
        assert!(is_unreachable(retrying));
        assert!(!is_unreachable(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"
        ));
    }
}
