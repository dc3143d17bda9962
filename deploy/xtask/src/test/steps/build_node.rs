//! Builds the node for the outside clients, in the profile of the tests.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::child_process::{self, Outputs};
use crate::test::environment::Environment;
use crate::test::outcome::{Counts, Outcome};

/// The previous step has built most of it.
const LIMIT: Duration = Duration::from_secs(30 * 60);

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    let mut command = Command::new(&environment.cargo);
    let arguments = [
        "build",
        "--package",
        "fritzy-node",
        "--bin",
        "fritzy",
        "--locked",
    ];
    command.current_dir(&environment.root).args(arguments);
    let ended = child_process::run(&mut command, Outputs::Out, LIMIT, |_| {})?;
    if let Some(fault) = ended.fault("cargo build") {
        return Ok(Outcome::failed(fault));
    }
    let node = environment.node_binary();
    ensure!(
        node.exists(),
        "cargo build did not create {}",
        node.display()
    );
    Ok(Outcome::passed(Counts::default()))
}
