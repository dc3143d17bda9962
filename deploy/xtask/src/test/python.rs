//! The outside clients in Python: what Python needs before it can run them, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::client::Ready;
use super::environment::{Environment, program};
use super::stream::{self, Outputs};

/// Some thirty small packages; pip's own retries fit into this.
const INSTALL_MAX: Duration = Duration::from_secs(5 * 60);

/// What the locked packages ask for. Debian 12 has 3.11.
const MINOR_MIN: u32 = 11;

/// What pip says when it is the index that cannot be had, and not the project that is wrong.
const UNREACHABLE: [&str; 6] = [
    "Retrying (Retry(",
    "Max retries exceeded",
    "ProxyError",
    "Read timed out",
    "403 Client Error",
    "503 Server Error",
];

/// Whether there is a Python that can make environments: on Debian that is a package of its own.
pub(crate) fn is_there() -> bool {
    program(&["python3"]).is_some_and(|python| {
        let can = Command::new(python)
            .args(["-c", "import ensurepip, venv"])
            .output();
        can.is_ok_and(|can| can.status.success())
    })
}

/// Sees to an environment with exactly the packages that `requirements` locks.
///
/// # Errors
/// When the packages cannot be installed for a reason that lies in the project, or at all when installing was asked for.
pub(crate) fn prepare(environment: &Environment, name: &str, requirements: &Path) -> Result<Ready> {
    let Some(python) = program(&["python3"]).filter(|_| is_there()) else {
        let reason = "Python with venv is not installed (Debian: python3 python3-venv)";
        return Ok(Ready::Missing(reason.to_owned()));
    };
    let minor = minor(&python)?;
    if minor < MINOR_MIN {
        let reason =
            format!("Python 3.{minor} is too old for this client, 3.{MINOR_MIN} is needed");
        return Ok(Ready::Missing(reason));
    }
    let locked = fs::read_to_string(requirements)
        .with_context(|| format!("{} cannot be read", requirements.display()))?;
    let folder = environment
        .target
        .join("xtask")
        .join(format!("{name}-python"));
    // Written last, so a broken installation has none.
    let installed = folder.join("installed.txt");
    let ready = folder.join("bin/python");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(Ready::With(ready));
    }
    make(&python, &folder)?;
    match install(&ready, requirements)? {
        None => {
            fs::write(&installed, locked)?;
            Ok(Ready::With(ready))
        }
        Some(Fault::Unreachable(fault)) if !environment.install => Ok(Ready::Missing(fault)),
        Some(Fault::Unreachable(fault) | Fault::Ours(fault)) => bail!(fault),
    }
}

/// The minor version out of `Python 3.11.7`.
fn minor(python: &Path) -> Result<u32> {
    let output = Command::new(python).arg("--version").output();
    let output = output.context("cannot run Python")?;
    let version = String::from_utf8_lossy(&output.stdout);
    minor_in(&version).with_context(|| format!("`python3 --version` answers {version:?}"))
}

fn minor_in(version: &str) -> Option<u32> {
    let rest = version.trim().strip_prefix("Python 3.")?;
    rest.split('.').next()?.parse().ok()
}

fn make(python: &Path, folder: &PathBuf) -> Result<()> {
    let mut command = Command::new(python);
    command.args(["-m", "venv", "--clear"]).arg(folder);
    let ended = stream::run(&mut command, Outputs::OutAndErr, INSTALL_MAX, |_| {})?;
    match ended.fault("python3 -m venv") {
        Some(fault) => bail!(fault),
        None => Ok(()),
    }
}

enum Fault {
    Unreachable(String),
    Ours(String),
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
        // What is built on installation runs scripts, which no package of a test has business doing.
        .args([
            "--only-binary",
            ":all:",
            "--require-hashes",
            "--requirement",
        ])
        .arg(requirements);
    let ended = stream::run(&mut command, Outputs::OutAndErr, INSTALL_MAX, |line| {
        unreachable |= is_unreachable(line);
    })?;
    let Some(fault) = ended.fault("pip install") else {
        return Ok(None);
    };
    Ok(Some(if unreachable || ended.timed_out {
        Fault::Unreachable("the Python package index cannot be reached".to_owned())
    } else {
        Fault::Ours(fault)
    }))
}

fn is_unreachable(line: &str) -> bool {
    UNREACHABLE.iter().any(|sign| line.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_says_its_version() {
        assert_eq!(minor_in("Python 3.11.7\n"), Some(11));
        assert_eq!(minor_in("Python 3.13.0rc1"), Some(13));
        assert_eq!(minor_in("Python 2.7.18"), None);
    }

    #[test]
    fn pip_says_what_it_lacks() {
        let retrying = "WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'NewConnectionError'";
        assert!(is_unreachable(retrying));
        assert!(!is_unreachable(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES"
        ));
    }
}
