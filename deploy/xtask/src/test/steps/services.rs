//! Starts the servers that tests share, except for those that environment variables name.

use std::env;

use anyhow::Result;

use crate::install::Tool;
use crate::services;
use crate::test::environment::Environment;
use crate::test::outcome::{Counts, Outcome};

pub(super) const INSTALLS: &[Tool] = &[services::POSTGRES_TOOL];

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    let logs = environment.target.join("xtask");
    std::fs::create_dir_all(&logs)?;
    let mut missing = Vec::new();
    let mut outcome = Outcome::passed(Counts::default());
    for service in services::ALL
        .iter()
        .filter(|service| service.is_shared_by_tests)
    {
        if env::var_os(service.variable).is_some() {
            println!("{}: given by {}", service.name, service.variable);
            continue;
        }
        match service.start(&logs, 1) {
            Ok(started) => {
                println!("{}: {}", service.name, started.about);
                environment.services.borrow_mut().push(started);
            }
            Err(error) if error.is_missing() => missing.push(format!("{}: {error}", service.name)),
            Err(error) => outcome = outcome.and_fault(Some(format!("{}: {error}", service.name))),
        }
    }
    Ok(outcome.without(missing))
}
