//! What nodes need around them: their program, a database, and a broker if there can be one.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::metadata::{Metadata, cargo};
use crate::services::{ALL, Started};

/// A server, ours or given.
pub(super) struct Server {
    pub(super) url: String,
    /// For people.
    pub(super) about: String,
    /// Held for its end; `None` when it is somebody else's.
    _started: Option<Started>,
}

/// Builds the node if it is not built.
///
/// # Errors
/// When it does not build.
pub(super) fn build(metadata: &Metadata, dev: bool) -> Result<PathBuf> {
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
            "building the node, which takes some minutes the first time (--dev: sooner, and slower afterwards) …"
        );
    }
    let built = command.status().context("cannot run cargo")?;
    ensure!(built.success(), "the node does not build");
    Ok(metadata.target_directory.join(profile).join("fritzy"))
}

/// The database that `DATABASE_URL` names, or a new one that ends with us.
///
/// # Errors
/// When there is neither.
pub(super) fn database(logs: &Path) -> Result<Server> {
    if let Some(given) = given("DATABASE_URL") {
        return Ok(given);
    }
    let started = service("postgres").start(logs, 1);
    let started = started
        .context("nodes share a database on PostgreSQL: install it, or name one by DATABASE_URL")?;
    let about = format!(
        "{}, empty; its data goes when this ends (DATABASE_URL names one that stays)",
        started.about
    );
    Ok(Server {
        url: started.value.clone(),
        about,
        _started: Some(started),
    })
}

/// The brokers that `KAFKA_BROKERS` names, or one of ours; or why there is none.
pub(super) fn kafka(logs: &Path) -> Result<Server, String> {
    if let Some(given) = given("KAFKA_BROKERS") {
        return Ok(given);
    }
    eprintln!(
        "starting a broker of Kafka, which is fetched the first time (--no-kafka: without) …"
    );
    let started = service("kafka").start(logs, 1);
    let started = started.map_err(|failure| failure.to_string())?;
    Ok(Server {
        url: started.value.clone(),
        about: started.about.clone(),
        _started: Some(started),
    })
}

/// Runs a command of the node's that ends by itself.
///
/// # Errors
/// With what it said, when it ends badly.
pub(super) fn run_to_end(command: &mut Command) -> Result<()> {
    let output = command.output().context("cannot run the node's program")?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{}", String::from_utf8_lossy(&output.stderr).trim())
}

fn given(variable: &str) -> Option<Server> {
    let url = env::var(variable).ok().filter(|value| !value.is_empty())?;
    Some(Server {
        url,
        about: format!("given by {variable}"),
        _started: None,
    })
}

fn service(name: &str) -> &'static crate::services::Service {
    let named = ALL.iter().find(|service| service.name == name);
    named.expect("it is one of them")
}
