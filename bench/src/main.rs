//! `fritzy-bench`: the command line of the tools that measure Fritzy.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

/// The node's allocator, so that in-process measurements use the same.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measures Fritzy: load tests of a node or of a shop in this process, a soak of a cluster, and the
/// replay of real orders
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<commands::Run>),
    Compare(commands::Compare),
    Replay(commands::Replay),
    Soak(commands::Soak),
    #[command(name = "ceiling-server", hide = true)]
    BaselineServer(commands::BaselineServerCommand),
    #[command(hide = true)]
    OtherNode(commands::OtherNodeCommand),
}

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(run) => run.run().await,
        Command::Compare(compare) => compare.run(),
        Command::Replay(replay) => replay.run().await,
        Command::Soak(soak) => soak.run().await,
        Command::BaselineServer(server) => server.run().await,
        Command::OtherNode(node) => node.run().await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_declaration_is_valid() {
        Cli::command().debug_assert();
    }
}
