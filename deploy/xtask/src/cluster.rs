//! `cargo xtask cluster`: several nodes, their database, a broker and a balancer on this machine, for people to play with.
//!
//! The one process that starts them owns them, and ends them all when it ends, however it does. It runs in the foreground;
//! the other commands, from another terminal or typed into its own, ask it over a socket that its state file names.

mod carry_out;
mod console;
mod crew;
mod node;
mod play;
mod secret;
mod state;
mod surroundings;
mod told;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use serde::{Deserialize, Serialize};

use crate::metadata::Metadata;
use carry_out::carry_out;
use state::{Claim, State};

/// More than this on one machine only get in each other's way.
const NODES_MAX: u16 = 16;

/// How to start one, or what to do with the one that runs.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    new: New,
    /// Print the addresses as JSON, once all nodes are ready, or what has become of them.
    #[arg(long, global = true)]
    json: bool,
}

/// How to start one.
#[derive(clap::Args)]
struct New {
    /// How many nodes.
    #[arg(default_value = "3", value_parser = nodes)]
    nodes: u16,
    /// A node as `cargo build` makes it: built sooner, and slower.
    #[arg(long)]
    dev: bool,
    /// Without a broker: events stay in the journal.
    #[arg(long)]
    no_kafka: bool,
}

/// What can be done with the one that runs; also typed into its terminal, without `cargo xtask cluster`.
#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Command {
    /// Show the nodes.
    Status,
    /// Start one node more.
    Add,
    /// Start a node that has ended, in its old place.
    Start {
        /// Its number.
        #[arg(value_parser = number)]
        node: u16,
    },
    /// SIGTERM: it gives its shards away while it serves, and ends. Returns when it has.
    Stop {
        /// Its number.
        #[arg(value_parser = number)]
        node: u16,
    },
    /// SIGKILL: it ends at once, in the middle of whatever it does.
    Kill {
        /// Its number.
        #[arg(value_parser = number)]
        node: u16,
    },
    /// Stop and start a node, or each in turn, as for a new version.
    Restart {
        /// Its number; without one, all.
        #[arg(value_parser = number)]
        node: Option<u16>,
    },
}

/// A line that is typed into the terminal.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true, name = "")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// What the owner of the nodes is asked; it answers at once, whatever takes longer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Order {
    Look,
    Add,
    Start(u16),
    Stop(u16),
    Kill(u16),
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    /// For people.
    said: String,
    /// Whether it does what it was asked.
    done: bool,
    state: State,
}

/// Starts a cluster and keeps it until it is told to end, or has the one that runs do something.
///
/// # Errors
/// When something of it cannot be started, or none runs.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let metadata = Metadata::read()?;
    let folder = metadata.target_directory.join("cluster");
    let Some(command) = arguments.command else {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Before a build that takes minutes.
        let _claim = Claim::of(&folder)?;
        let surroundings = surroundings::build(&metadata, arguments.new.dev)?;
        return play::play(&arguments.new, arguments.json, &folder, surroundings);
    };
    let (control, show) = (control(&folder)?, |line: &str| eprintln!("{line}"));
    let answer = carry_out(command, &control, &show)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&answer.state)?);
    } else if matches!(command, Command::Status) {
        print!("{}", told::nodes(&answer.state));
    }
    Ok(answer.done)
}

/// Where the one that runs is asked.
fn control(folder: &std::path::Path) -> Result<PathBuf> {
    let state = State::read(folder)?;
    let state = state.context("no cluster runs; `cargo xtask cluster` starts one")?;
    Ok(state.control)
}

/// How many, or a command that there is not.
fn nodes(text: &str) -> Result<u16, String> {
    let number = text.parse().ok();
    let in_range = number.filter(|number| (1..=NODES_MAX).contains(number));
    in_range.ok_or_else(|| {
        format!(
            "neither a number of nodes, 1 to {NODES_MAX}, nor status, add, start, stop, kill or restart"
        )
    })
}

/// `2`, and `n2` as the node is called.
fn number(text: &str) -> Result<u16, String> {
    let digits = text.strip_prefix('n').unwrap_or(text);
    digits
        .parse()
        .map_err(|_| "not a node's number such as 2".to_owned())
}

#[cfg(test)]
mod tests {
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
    fn a_number_starts_one_and_a_word_asks_the_one_that_runs() {
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
