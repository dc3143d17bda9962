//! The public audit of GraphQL over HTTP: 61 requests by the authors of the reference
//! implementation.

use std::path::Path;

use anyhow::Result;

use crate::test::client::Ready;
use crate::test::environment::Environment;
use crate::test::node::with_node;
use crate::test::outcome::Outcome;
use crate::test::web::{prepare, run_client};

/// The number of audits in graphql-http 1.23. Fewer mean that the list is incomplete; another
/// locked version has another number.
const AUDITS: u64 = 61;

/// The first Node.js with `fetch`, which the audit uses.
const NODE_MAJOR_MIN: u32 = 18;

pub(super) fn run(environment: &Environment) -> Result<Outcome> {
    let node_js = match prepare(environment, NODE_MAJOR_MIN)? {
        Ready::With(node_js) => node_js,
        Ready::Missing(reason) => return Ok(Outcome::Skipped(reason)),
    };
    with_node(environment, "graphql-http", |url| {
        let endpoint = format!("{url}/graphql");
        let outcome = run_client(&node_js, environment, "audit.mjs", &[Path::new(&endpoint)])?;
        let fault = wrong_number(&outcome);
        Ok(outcome.and_fault(fault))
    })
}

/// A fault if nothing failed but audits are missing: an incomplete list must not pass.
fn wrong_number(outcome: &Outcome) -> Option<String> {
    let passed = outcome.counts().passed;
    (outcome.is_ok() && passed != AUDITS)
        .then(|| format!("{passed} audits passed instead of {AUDITS}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::outcome::Counts;

    #[test]
    fn incomplete_audit_is_a_fault() {
        let passed = |passed| {
            Outcome::passed(Counts {
                passed,
                ..Counts::default()
            })
        };
        assert_eq!(wrong_number(&passed(AUDITS)), None);
        assert!(wrong_number(&passed(0)).is_some());
        assert!(wrong_number(&passed(AUDITS - 1)).is_some());
    }
}
