//! `fritzy-bench`: the command line of the tools that look at a Fritzy node from the outside.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures a Fritzy node from the outside
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Replay(commands::Replay),
}

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Replay(replay) => replay.run().await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
