//! `cargo xtask cluster`: several nodes with a database, a broker and a balancer on this machine.
//!
//! One process in the foreground starts and owns them. All of them end with it, even if it is
//! killed. Other commands, from another terminal or typed into its own, send requests to a socket
//! that its state file names.

mod backing_services;
mod control;
mod execute;
mod node_slot;
mod nodes;
mod output;
mod request;
mod run;
mod secret;
mod signals;
mod state;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::metadata::Metadata;
use execute::execute;
use request::{Command, NewCluster};
use state::{ClusterLock, ClusterState};

/// How to start a cluster, or a command for the running one.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    new: NewCluster,
    /// Print the state as JSON: once all nodes are ready, or after the command.
    #[arg(long, global = true)]
    json: bool,
}

/// Starts a cluster and runs it until a signal ends it, or executes a command on the running one.
///
/// # Errors
/// When a part of the cluster cannot be started, or no cluster runs.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let metadata = Metadata::read()?;
    let folder = metadata.target_directory.join("cluster");
    let Some(command) = arguments.command else {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        // Before a build that takes minutes.
        let _lock = ClusterLock::acquire(&folder)?;
        let program = backing_services::build_node(&metadata, arguments.new.dev)?;
        return run::run(&arguments.new, arguments.json, &folder, program);
    };
    let (control, show) = (control_socket(&folder)?, |line: &str| eprintln!("{line}"));
    let response = execute(command, &control, &show)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&response.state)?);
    } else if matches!(command, Command::Status) {
        print!("{}", output::nodes(&response.state));
    }
    Ok(response.done)
}

/// The socket of the running cluster.
fn control_socket(folder: &Path) -> Result<PathBuf> {
    let state = ClusterState::read(folder)?;
    let state = state.context("no cluster is running; `cargo xtask cluster` starts one")?;
    Ok(state.control)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Whole {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        let words = ["cluster"].into_iter().chain(line.split_whitespace());
        Whole::try_parse_from(words).map(|whole| whole.arguments)
    }

    #[test]
    fn number_starts_a_cluster_and_word_is_a_command() {
        for (line, nodes, dev) in [("", 3, false), ("5", 5, false), ("2 --dev", 2, true)] {
            let parsed = parse(line).unwrap();
            assert!(parsed.command.is_none());
            assert_eq!((parsed.new.nodes, parsed.new.dev), (nodes, dev), "{line}");
        }
        for (line, expected) in [
            ("status --json", "Status"),
            ("add", "Add"),
            ("start 2", "Start { node: 2 }"),
            ("stop n3", "Stop { node: 3 }"),
            ("kill 1", "Kill { node: 1 }"),
            ("restart", "Restart { node: None }"),
            ("restart n1", "Restart { node: Some(1) }"),
        ] {
            let command = parse(line).unwrap().command.unwrap();
            assert_eq!(format!("{command:?}"), expected);
        }
        for line in ["0", "17", "-1", "stop", "stop two", "2 status"] {
            assert!(parse(line).is_err(), "{line}");
        }
        let mistyped = parse("stat").err().unwrap().to_string();
        assert!(mistyped.contains("1 to 16, nor status, add"), "{mistyped}");
    }
}
