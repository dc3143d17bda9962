//! Commands that are typed into the terminal of the cluster.

use std::path::PathBuf;
use std::thread;

use clap::Parser;

use super::execute::execute;
use super::output;
use super::request::Command;

/// A line that was typed into the terminal.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true, name = "")]
struct TypedCommand {
    #[command(subcommand)]
    command: Command,
}

/// Executes typed commands until the terminal is closed, in the background. They use the socket
/// like all others.
pub(super) fn read_commands(control: PathBuf) {
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if line.trim().is_empty() {
                continue;
            }
            let show = |line: &str| eprintln!("{line}");
            match TypedCommand::try_parse_from(line.split_whitespace()) {
                Ok(TypedCommand { command }) => match execute(command, &control, &show) {
                    Ok(response) if matches!(command, Command::Status) => {
                        eprint!("{}", output::nodes(&response.state));
                    }
                    Ok(_) => {}
                    Err(failure) => eprintln!("{failure:#}"),
                },
                Err(mistake) => eprint!("{}", mistake.render()),
            }
        }
    });
}
