//! The tests of the API again, with every node on a PostgreSQL database of its own.

use std::env;

use anyhow::Result;
use fritzy_testbed::TEST_POSTGRES_VARIABLE;

use crate::test::environment::Environment;
use crate::test::outcome::Outcome;

use super::cargo_test::run_cargo;

/// The variable that chooses the store of those tests.
const STORE: (&str, &str) = ("FRITZY_TEST_API_STORE", "postgres");

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    let started = environment.services.borrow();
    let has_server = started
        .iter()
        .any(|service| service.variable == TEST_POSTGRES_VARIABLE);
    drop(started);
    if !has_server && env::var_os(TEST_POSTGRES_VARIABLE).is_none() {
        return Ok(Outcome::Skipped("there is no PostgreSQL".to_owned()));
    }
    // With `--workspace`: for one crate, dependencies would have other features and be compiled
    // again.
    let arguments = ["--workspace", "--test", "api"].map(str::to_owned);
    run_cargo(environment, arguments.to_vec(), &[STORE])
}
