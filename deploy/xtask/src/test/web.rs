//! The outside clients: JavaScript of other people, run by Node.js against a real node.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};

use super::environment::{Environment, program};
use super::outcome::{Counts, Outcome};
use super::stream::{self, Outputs};

/// Few small packages; npm's own retries fit into this.
const INSTALL_MAX: Duration = Duration::from_secs(5 * 60);

/// A good run of a client, browser included, takes seconds; one in which everything fails waits for each thing in turn.
const CLIENT_MAX: Duration = Duration::from_secs(5 * 60);

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

/// What a client needs before it can be started.
pub(crate) enum Ready {
    /// All is there, and this is Node.js.
    With(PathBuf),
    /// This machine lacks something.
    Missing(String),
}

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
    let mut tally = Tally::default();
    let mut command = Command::new(node);
    command
        .current_dir(environment.web())
        .arg(script)
        .args(arguments);
    let ended = stream::run(&mut command, Outputs::Out, CLIENT_MAX, |line| {
        tally.read(line)
    })?;
    Ok(tally.outcome(ended.fault(script)))
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

/// Counts the lines a client prints: `ok - …`, `not ok - …`, and at the end `N passed, M failed`.
#[derive(Debug, Default)]
struct Tally {
    counts: Counts,
    last_line: String,
}

impl Tally {
    fn read(&mut self, line: &str) {
        if line.starts_with("ok - ") {
            self.counts.passed += 1;
        } else if line.starts_with("not ok - ") {
            self.counts.failed += 1;
        }
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut self.last_line);
        }
    }

    /// A client that fails says so by its end as well; that is news only if no check of it failed.
    fn outcome(self, end: Option<String>) -> Outcome {
        let Counts { passed, failed, .. } = self.counts;
        let expected = format!("{passed} passed, {failed} failed");
        let cut_short = (self.last_line != expected).then(|| {
            format!(
                "the last line should be `{expected}` and is `{}`",
                self.last_line
            )
        });
        let end = end.filter(|_| failed == 0);
        Outcome::passed(self.counts).and_fault(end.or(cut_short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(output: &str, end: Option<&str>) -> String {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        let outcome = tally.outcome(end.map(str::to_owned));
        format!("{} {}", outcome.counts(), outcome.is_ok())
    }

    #[test]
    fn checks_are_counted() {
        let fine = "ok - 22EB SHOULD accept\nnoise\nok - 4655 MUST accept\n2 passed, 0 failed\n";
        assert_eq!(outcome(fine, None), "2 passed, 0 failed, 0 skipped true");
        let bad = "ok - a\nnot ok - b: reason\n1 passed, 1 failed\n";
        assert_eq!(
            outcome(bad, Some("exit status: 1")),
            "1 passed, 1 failed, 0 skipped false"
        );
    }

    #[test]
    fn a_client_that_breaks_off_is_a_failure() {
        assert_eq!(
            outcome("ok - a\n", None),
            "1 passed, 1 failed, 0 skipped false"
        );
        assert_eq!(
            outcome("", Some("exit status: 1")),
            "0 passed, 1 failed, 0 skipped false"
        );
        assert_eq!(
            outcome("ok - a\n1 passed, 0 failed\n", Some("killed")),
            "1 passed, 1 failed, 0 skipped false"
        );
    }

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
