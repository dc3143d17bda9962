//! The explorer page, opened by a real browser against a real node, with a picture of it left in the target folder.

use std::path::Path;

use anyhow::Result;

use crate::test::client::Ready;
use crate::test::environment::{Environment, chromium};
use crate::test::node::with_node;
use crate::test::outcome::Outcome;
use crate::test::web::{prepare, run_client};

/// What playwright-core asks for. Debian 12 has 18, Debian 13 has 20.
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
    let picture = environment.target.join("explorer.png");
    with_node(environment, "explorer", |url| {
        run_client(
            &node_js,
            environment,
            "explorer.mjs",
            &[Path::new(url), &chromium, &picture],
        )
    })
}
