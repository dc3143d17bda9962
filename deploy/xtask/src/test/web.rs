//! Prepares Node.js for the outside clients: the locked packages.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};

use super::client::{self, Ready};
use super::environment::Environment;
use super::outcome::Outcome;
use crate::child_process::{self, Outputs};
use crate::programs::program;

/// A few small packages, and npm's own retries.
const INSTALL_MAX: Duration = Duration::from_secs(5 * 60);

/// Error codes of npm when the registry cannot be reached, as opposed to a mistake in the project.
const UNREACHABLE: [&str; 17] = [
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "E403",
    "E407",
    "E429",
    "E502",
    "E503",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTCACHED",
    "ENOTFOUND",
    "ETIMEDOUT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
];

/// Finds a Node.js of at least this major version, and installs the packages of the clients.
///
/// # Errors
/// When the packages cannot be installed, except that without `--install` a registry out of reach
/// is a missing tool.
pub(crate) fn prepare(environment: &Environment, node_major_min: u32) -> Result<Ready> {
    let (Some(node), Some(npm)) = (program(&["node", "nodejs"]), program(&["npm"])) else {
        return Ok(Ready::Missing(
            "Node.js with npm is not installed (Debian: nodejs npm)".to_owned(),
        ));
    };
    let major = node_major(&node)?;
    if major < node_major_min {
        let reason =
            format!("Node.js {major} is too old for this client, which needs {node_major_min}");
        return Ok(Ready::Missing(reason));
    }
    let web = environment.web();
    if packages_are_current(&web)? {
        return Ok(Ready::With(node));
    }
    let Some(fault) = install_packages(&npm, &web)? else {
        return Ok(Ready::With(node));
    };
    match fault {
        Fault::Unreachable(fault) if !environment.install => Ok(Ready::Missing(fault)),
        Fault::Unreachable(fault) | Fault::InProject(fault) => anyhow::bail!(fault),
    }
}

/// Runs one client to its end and counts its checks.
///
/// # Errors
/// When Node.js cannot be started.
pub(crate) fn run_client(
    node: &Path,
    environment: &Environment,
    script: &str,
    arguments: &[&Path],
) -> Result<Outcome> {
    let mut command = Command::new(node);
    command
        .current_dir(environment.web())
        .arg(script)
        .args(arguments);
    client::run(&mut command, script)
}

/// The major version: 20 of `v20.20.2`.
fn node_major(node: &Path) -> Result<u32> {
    let output = Command::new(node)
        .arg("--version")
        .output()
        .context("cannot run Node.js")?;
    let version = String::from_utf8_lossy(&output.stdout);
    let major = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    major.with_context(|| format!("unexpected output of `node --version`: {version:?}"))
}

/// Whether `node_modules` exists and is not older than the lock file.
fn packages_are_current(web: &Path) -> Result<bool> {
    let lock = changed(&web.join("package-lock.json"))
        .context("cannot read gateway/tests/web/package-lock.json")?;
    // npm writes this file last: an incomplete installation has none.
    let installed = changed(&web.join("node_modules/.package-lock.json"));
    Ok(installed.is_ok_and(|installed| installed >= lock))
}

fn changed(file: &Path) -> Result<SystemTime> {
    Ok(fs::metadata(file)?.modified()?)
}

enum Fault {
    Unreachable(String),
    InProject(String),
}

fn install_packages(npm: &Path, web: &Path) -> Result<Option<Fault>> {
    let mut codes = Vec::new();
    let mut command = Command::new(npm);
    // Packages of tests must not run scripts at installation.
    command
        .current_dir(web)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    let ended = child_process::run(&mut command, Outputs::OutAndErr, INSTALL_MAX, |line| {
        codes.extend(error_code(line))
    })?;
    let Some(fault) = ended.fault("npm ci") else {
        ensure!(
            packages_are_current(web)?,
            "npm ci did not write the lock file of gateway/tests/web/node_modules"
        );
        return Ok(None);
    };
    let unreachable = codes
        .iter()
        .find(|code| UNREACHABLE.contains(&code.as_str()));
    Ok(Some(match unreachable {
        Some(code) => Fault::Unreachable(format!("the npm registry cannot be reached ({code})")),
        None if ended.timed_out => Fault::Unreachable("the npm registry is too slow".to_owned()),
        None => Fault::InProject(fault),
    }))
}

/// The code in npm's `npm error code ENOTFOUND`; older ones say `npm ERR!`.
fn error_code(line: &str) -> Option<String> {
    let rest = ["npm error code ", "npm ERR! code "]
        .iter()
        .find_map(|start| line.strip_prefix(start))?;
    Some(rest.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn npm_error_code_is_parsed() {
        assert_eq!(
            error_code("npm error code ENOTFOUND").as_deref(),
            Some("ENOTFOUND")
        );
        assert_eq!(
            error_code("npm ERR! code EUSAGE").as_deref(),
            Some("EUSAGE")
        );
        assert_eq!(error_code("npm warn deprecated"), None);
        assert!(UNREACHABLE.contains(&"ENOTFOUND") && !UNREACHABLE.contains(&"EUSAGE"));
    }
}
