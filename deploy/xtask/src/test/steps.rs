//! The steps of a run: one small file each, one table here. A step that needs a service is one more of both.

mod api_on_postgres;
mod build_node;
mod cargo_test;
mod explorer;
mod fuzz;
mod graphql_http;
mod services;

use anyhow::Result;

use super::environment::{Environment, chromium, program};
use super::install::Tool;
use super::outcome::Outcome;
use super::python;
use crate::services::JAVA_TOOL;

/// One step of a run.
pub(crate) struct Step {
    /// For `--only` and for the table at the end.
    pub(crate) name: &'static str,
    /// What it does, for people.
    pub(crate) about: &'static str,
    /// The steps that must be done first, and well. Without them it is skipped.
    pub(crate) needs: &'static [&'static str],
    /// The steps that come before it even when only this one is asked for. It runs without them as well, and then does less.
    pub(crate) wants: &'static [&'static str],
    /// What `--install` sees to before the first step.
    pub(crate) installs: &'static [Tool],
    /// An error is a failure of this step; the later ones still run.
    pub(crate) run: fn(&Environment) -> Result<Outcome>,
}

const NODE_JS: Tool = Tool {
    packages: &["nodejs", "npm"],
    is_there: || program(&["node", "nodejs"]).is_some() && program(&["npm"]).is_some(),
};

const CHROMIUM: Tool = Tool {
    packages: &["chromium"],
    is_there: || chromium().is_some(),
};

const PYTHON: Tool = Tool {
    packages: &["python3", "python3-venv"],
    is_there: python::is_there,
};

const STRACE: Tool = Tool {
    packages: &["strace"],
    is_there: || program(&["strace"]).is_some(),
};

/// Every step, in the order they run.
pub(crate) const ALL: [Step; 7] = [
    Step {
        name: SERVICES,
        about: "real servers for the tests",
        needs: &[],
        wants: &[],
        installs: services::INSTALLS,
        run: services::run,
    },
    Step {
        name: "cargo-test",
        about: "the tests of every crate",
        needs: &[],
        wants: &[SERVICES],
        installs: &[STRACE, JAVA_TOOL],
        run: cargo_test::run,
    },
    Step {
        name: "api-on-postgres",
        about: "the tests of the API once more, with their nodes on PostgreSQL",
        needs: &[],
        wants: &[SERVICES],
        installs: &[],
        run: api_on_postgres::run,
    },
    Step {
        name: BUILD_NODE,
        about: "the node as the outside clients will meet it",
        needs: &[],
        wants: &[],
        installs: &[],
        run: build_node::run,
    },
    Step {
        name: "graphql-http",
        about: "the public audit of GraphQL over HTTP, against a real node",
        needs: &[BUILD_NODE],
        wants: &[],
        installs: &[NODE_JS],
        run: graphql_http::run,
    },
    Step {
        name: "explorer",
        about: "the explorer page in Chromium, against a real node",
        needs: &[BUILD_NODE],
        wants: &[],
        installs: &[NODE_JS, CHROMIUM],
        run: explorer::run,
    },
    Step {
        name: "fuzz",
        about: "requests that schemathesis generates from the schema, against a real node",
        needs: &[BUILD_NODE],
        wants: &[],
        installs: &[PYTHON],
        run: fuzz::run,
    },
];

const SERVICES: &str = "services";
const BUILD_NODE: &str = "build-node";
