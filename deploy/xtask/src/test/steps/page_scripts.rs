//! The scripts of the page at `/` without a browser: documents, JSON, command lines of curl, stored
//! values.

use anyhow::Result;

use crate::test::client::Ready;
use crate::test::environment::Environment;
use crate::test::outcome::Outcome;
use crate::test::web::{prepare, run_client};

/// As for the page itself: one version tests all scripts.
const NODE_MAJOR_MIN: u32 = 20;

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    match prepare(environment, NODE_MAJOR_MIN)? {
        Ready::With(node_js) => run_client(&node_js, environment, "scripts.mjs", &[]),
        Ready::Missing(reason) => Ok(Outcome::Skipped(reason)),
    }
}
