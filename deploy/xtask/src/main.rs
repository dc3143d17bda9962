//! The developer's commands, run as `cargo xtask <command>`.
//!
//! They are a program of the workspace rather than shell scripts, so that they are tested like the
//! rest, and a fresh clone needs only Rust to run them. Missing tools are reported by name.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's command prints to the terminal"
)]

mod child_process;
mod cluster;
mod install;
mod metadata;
mod programs;
mod schedules;
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
    /// Run all tests: the Rust tests, then a real node with outside clients.
    Test(test::Arguments),
    /// Start, stop or show real servers for the tests, which keep running in the background.
    Services(services::Arguments),
    /// Run several nodes, a database, a broker and a balancer on this machine, until Ctrl-C.
    Cluster(cluster::Arguments),
    /// Run random schedules of faults on real clusters, and check every history; `--help` lists the
    /// arguments.
    Schedules(schedules::Arguments),
    /// Check the rules of the repository: dependencies, circles between files, sizes, names,
    /// documents.
    Tidy,
}

fn main() -> ExitCode {
    let ran = match Arguments::parse().command {
        Command::Test(arguments) => test::run(arguments),
        Command::Services(arguments) => services::run(&arguments),
        Command::Cluster(arguments) => cluster::run(&arguments),
        Command::Schedules(arguments) => schedules::run(&arguments),
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
