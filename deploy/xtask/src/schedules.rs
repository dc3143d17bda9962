//! `cargo xtask schedules`: builds the node and the driver of random schedules, and starts it.
//!
//! The driver is a crate of its own, so that the other commands build without clients of databases
//! and brokers.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::metadata::{Metadata, cargo};

/// The driver's own arguments; `--help` lists them.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs the driver. Returns whether every run was clean.
///
/// # Errors
/// When a program cannot be started.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let metadata = Metadata::read()?;
    let built = Command::new(cargo())
        .current_dir(&metadata.workspace_root)
        .args(["build", "--quiet", "--locked"])
        .args(["-p", "fritzy-node", "--bin", "fritzy"])
        .args([
            "-p",
            "fritzy-testbed-schedules",
            "--bin",
            "fritzy-schedules",
        ])
        .status()
        .context("cannot run cargo")?;
    if !built.success() {
        return Ok(false);
    }
    let driver = metadata.target_directory.join("debug/fritzy-schedules");
    let ended = Command::new(&driver).args(&arguments.arguments).status();
    let ended = ended.with_context(|| format!("cannot start {}", driver.display()))?;
    Ok(ended.success())
}
