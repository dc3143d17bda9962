//! The outside clients in JavaScript: what Node.js needs before it can run them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};

use super::client::{self, Ready};
use super::environment::{Environment, program};
use super::outcome::Outcome;
use super::stream::{self, Outputs};

/// Few small packages; npm's own retries fit into this.
const INSTALL_MAX: Duration = Duration::from_secs(5 * 60);

/// What npm says when it is the registry that cannot be had, and not the project that is wrong.
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

/// Sees to a Node.js of at least this major version, and to the packages of the clients.
///
/// # Errors
/// When the packages cannot be installed for a reason that lies in the project, or at all when installing was asked for.
pub(crate) fn prepare(environment: &Environment, node_major_min: u32) -> Result<Ready> {
    let (Some(node), Some(npm)) = (program(&["node", "nodejs"]), program(&["npm"])) else {
        return Ok(Ready::Missing(
            "Node.js with npm is not installed (Debian: nodejs npm)".to_owned(),
        ));
    };
    let major = node_major(&node)?;
    if major < node_major_min {
        let reason =
            format!("Node.js {major} is too old for this client, {node_major_min} is needed");
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
        Fault::Unreachable(fault) | Fault::Ours(fault) => anyhow::bail!(fault),
    }
}

/// Runs one client to its end and counts its checks.
///
/// # Errors
/// When it cannot be started.
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

/// The major version of a Node.js, out of its `v20.20.2`.
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
    major.with_context(|| format!("`node --version` answers {version:?}"))
}

/// Whether `node_modules` is there and not older than what it was to be made from.
fn packages_are_current(web: &Path) -> Result<bool> {
    let lock = changed(&web.join("package-lock.json"))
        .context("gateway/tests/web/package-lock.json cannot be read")?;
    // npm leaves a lock of its own inside: it is written last, so a broken install has none.
    let installed = changed(&web.join("node_modules/.package-lock.json"));
    Ok(installed.is_ok_and(|installed| installed >= lock))
}

fn changed(file: &Path) -> Result<SystemTime> {
    Ok(fs::metadata(file)?.modified()?)
}

enum Fault {
    Unreachable(String),
    Ours(String),
}

fn install_packages(npm: &Path, web: &Path) -> Result<Option<Fault>> {
    let mut codes = Vec::new();
    let mut command = Command::new(npm);
    // No package of a test has business running scripts at its installation.
    command
        .current_dir(web)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    let ended = stream::run(&mut command, Outputs::OutAndErr, INSTALL_MAX, |line| {
        codes.extend(error_code(line))
    })?;
    let Some(fault) = ended.fault("npm ci") else {
        ensure!(
            packages_are_current(web)?,
            "npm ci left gateway/tests/web/node_modules without its lock"
        );
        return Ok(None);
    };
    let unreachable = codes
        .iter()
        .find(|code| UNREACHABLE.contains(&code.as_str()));
    Ok(Some(match unreachable {
        Some(code) => Fault::Unreachable(format!("the npm registry cannot be reached ({code})")),
        None if ended.timed_out => Fault::Unreachable("the npm registry is too slow".to_owned()),
        None => Fault::Ours(fault),
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
    fn npm_says_what_it_lacks() {
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
