//! The explorer page in a real browser against a real node. Screenshots stay in the target folder:
//! `explorer.png`, which `docs/pictures` has a copy of, and those in the dark and on a phone.

use std::path::Path;

use anyhow::Result;

use crate::programs::chromium;
use crate::test::client::Ready;
use crate::test::environment::Environment;
use crate::test::node::with_node;
use crate::test::outcome::Outcome;
use crate::test::web::{prepare, run_client};

/// Required by playwright-core. Debian 12 has 18, Debian 13 has 20.
const NODE_MAJOR_MIN: u32 = 20;

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    let Some(chromium) = chromium() else {
        let reason =
            "Chromium is not installed (Debian: chromium; elsewhere, set CHROMIUM to its path)";
        return Ok(Outcome::Skipped(reason.to_owned()));
    };
    let node_js = match prepare(environment, NODE_MAJOR_MIN)? {
        Ready::With(node_js) => node_js,
        Ready::Missing(reason) => return Ok(Outcome::Skipped(reason)),
    };
    with_node(environment, "explorer", |url| {
        run_client(
            &node_js,
            environment,
            "explorer.mjs",
            &[Path::new(url), &chromium, &environment.target],
        )
    })
}
