//! graphql-js as the referee of document validation: 500 documents by rule and 50 000 mutated ones,
//! and the same verdict on each.

use std::path::Path;

use anyhow::Result;

use crate::test::client::Ready;
use crate::test::environment::Environment;
use crate::test::node::with_node;
use crate::test::outcome::Outcome;
use crate::test::web::{prepare, run_client};

/// What graphql-js 16 is tested with.
const NODE_MAJOR_MIN: u32 = 18;

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    let node_js = match prepare(environment, NODE_MAJOR_MIN)? {
        Ready::With(node_js) => node_js,
        Ready::Missing(reason) => return Ok(Outcome::Skipped(reason)),
    };
    with_node(environment, "referee", |url| {
        let endpoint = format!("{url}/graphql");
        run_client(
            &node_js,
            environment,
            "referee.mjs",
            &[Path::new(&endpoint)],
        )
    })
}
