//! The `fritzy` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    fritzy_gateway::main()
}
