//! The developer's commands, run as `cargo xtask <command>`.
//!
//! They live in a program of the workspace rather than in shell scripts, so that they are tested like the rest, and
//! that a fresh clone needs nothing but Rust to run them. What a command needs beyond that is looked for, and its
//! absence is reported.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command speaks to the terminal"
)]

mod cluster;
mod metadata;
mod services;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of the Fritzy workspace.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything: the Rust tests, then the real node under outside clients.
    Test(test::Arguments),
    /// Real servers for the tests, left running in the background: start, stop or look at them.
    Services(services::Arguments),
    /// Several nodes, a database, a broker and a balancer on this machine, to play with. Runs until Ctrl-C.
    Cluster(cluster::Arguments),
    /// Check the repository itself: directions of dependencies, where things live, what must not be written.
    Tidy,
}

fn main() -> ExitCode {
    let ran = match Arguments::parse().command {
        Command::Test(arguments) => test::run(arguments),
        Command::Services(arguments) => services::run(&arguments),
        Command::Cluster(arguments) => cluster::run(&arguments),
        Command::Tidy => tidy::run(),
    };
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
