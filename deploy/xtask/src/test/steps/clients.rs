//! Client libraries: Relay, Apollo Client and urql with their stores, and a router of Apollo
//! Federation.

use std::path::Path;

use anyhow::Result;

use crate::test::client::Ready;
use crate::test::environment::Environment;
use crate::test::node::with_node;
use crate::test::outcome::Outcome;
use crate::test::web::{prepare, run_client};

/// What these libraries are tested with.
const NODE_MAJOR_MIN: u32 = 20;

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    let node_js = match prepare(environment, NODE_MAJOR_MIN)? {
        Ready::With(node_js) => node_js,
        Ready::Missing(reason) => return Ok(Outcome::Skipped(reason)),
    };
    with_node(environment, "clients", |url| {
        let endpoint = format!("{url}/graphql");
        run_client(
            &node_js,
            environment,
            "clients.mjs",
            &[Path::new(&endpoint)],
        )
    })
}
