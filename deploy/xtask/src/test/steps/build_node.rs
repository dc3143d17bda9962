//! Builds the node that the outside clients will meet, in the profile the tests use.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::test::environment::Environment;
use crate::test::outcome::{Counts, Outcome};
use crate::test::stream::{self, Outputs};

/// Most of it is built by the step before.
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
    let ended = stream::run(&mut command, Outputs::Out, LIMIT, |_| {})?;
    if let Some(fault) = ended.fault("cargo build") {
        return Ok(Outcome::failed(fault));
    }
    let node = environment.node_binary();
    ensure!(node.exists(), "cargo build left no {}", node.display());
    Ok(Outcome::passed(Counts::default()))
}
