//! What the nodes of a cluster need: their program, a database, and a broker if one can be started.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::metadata::{Metadata, cargo};
use crate::services::{ALL, Started};

/// A server that was started here, or that a variable names.
pub(super) struct BackingService {
    pub(super) url: String,
    /// Its version and address, for people.
    pub(super) about: String,
    /// Ends the server when dropped; `None` for one that a variable names.
    _started: Option<Started>,
}

/// Builds the node, and returns the path of its program.
///
/// # Errors
/// When the build fails.
pub(super) fn build_node(metadata: &Metadata, dev: bool) -> Result<PathBuf> {
    let mut command = Command::new(cargo());
    command.current_dir(&metadata.workspace_root).args([
        "build",
        "--quiet",
        "--package",
        "fritzy-node",
        "--bin",
        "fritzy",
    ]);
    let profile = if dev { "debug" } else { "release" };
    if !dev {
        command.arg("--release");
        eprintln!(
            "building the node, which takes some minutes the first time (--dev: faster to build, slower to run) …"
        );
    }
    let built = command.status().context("cannot run cargo")?;
    ensure!(built.success(), "the build of the node failed");
    Ok(metadata.target_directory.join(profile).join("fritzy"))
}

/// The database that `DATABASE_URL` names, or a new one that ends with this program.
///
/// # Errors
/// When the variable is not set and PostgreSQL cannot be started.
pub(super) fn database(logs: &Path) -> Result<BackingService> {
    if let Some(given) = given("DATABASE_URL") {
        return Ok(given);
    }
    let started = service("postgres").start(logs, 1);
    let started = started.context(
        "the nodes share a PostgreSQL database: install PostgreSQL, or set DATABASE_URL",
    )?;
    let about = format!(
        "{}, empty; its data is removed at the end (set DATABASE_URL to keep it)",
        started.about
    );
    Ok(BackingService {
        url: started.value.clone(),
        about,
        _started: Some(started),
    })
}

/// The brokers that `KAFKA_BROKERS` names, or a new one. The error says why there is none.
pub(super) fn kafka(logs: &Path) -> Result<BackingService, String> {
    if let Some(given) = given("KAFKA_BROKERS") {
        return Ok(given);
    }
    eprintln!("starting a Kafka broker, which is downloaded the first time (--no-kafka: none) …");
    let started = service("kafka").start(logs, 1);
    let started = started.map_err(|failure| failure.to_string())?;
    Ok(BackingService {
        url: started.value.clone(),
        about: started.about.clone(),
        _started: Some(started),
    })
}

/// Runs a command of the node's program to its end.
///
/// # Errors
/// When it fails; the error is what it printed.
pub(super) fn run_to_end(command: &mut Command) -> Result<()> {
    let output = command.output().context("cannot run the node's program")?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{}", String::from_utf8_lossy(&output.stderr).trim())
}

fn given(variable: &str) -> Option<BackingService> {
    let url = env::var(variable).ok().filter(|value| !value.is_empty())?;
    Some(BackingService {
        url,
        about: format!("given by {variable}"),
        _started: None,
    })
}

fn service(name: &str) -> &'static crate::services::Service {
    let named = ALL.iter().find(|service| service.name == name);
    named.expect("callers name a service of the table")
}
