//! The steps of a run: one file each, and the table of them.

mod api_on_postgres;
mod build_node;
mod cargo_test;
mod clients;
mod explorer;
mod fuzz;
mod graphql_http;
mod page_scripts;
mod quick_test;
mod referee;
mod services;

use std::path::Path;

use anyhow::Result;

use super::environment::Environment;
use super::outcome::Outcome;
use super::python;
use crate::install::Tool;
use crate::programs::{chromium, program};
use crate::services::JAVA_TOOL;

/// One step of a run.
pub(crate) struct Step {
    /// For `--only` and the report.
    pub(crate) name: &'static str,
    /// A description, for people.
    pub(crate) about: &'static str,
    /// Steps that must pass before it. Otherwise it is skipped.
    pub(crate) needs: &'static [&'static str],
    /// Steps that run before it, even with `--only`. It also runs if they fail, and then skips
    /// tests.
    pub(crate) wants: &'static [&'static str],
    /// Tools that `--install` installs if the machine lacks them.
    pub(crate) installs: &'static [Tool],
    /// An error fails this step; later steps still run.
    pub(crate) run: fn(&Environment) -> Result<Outcome>,
}

const NODE_JS: Tool = Tool {
    packages: &["nodejs", "npm"],
    is_installed: || program(&["node", "nodejs"]).is_some() && program(&["npm"]).is_some(),
};

const CHROMIUM: Tool = Tool {
    packages: &["chromium"],
    is_installed: || chromium().is_some(),
};

const PYTHON: Tool = Tool {
    packages: &["python3", "python3-venv"],
    is_installed: python::is_installed,
};

const STRACE: Tool = Tool {
    packages: &["strace"],
    is_installed: || program(&["strace"]).is_some(),
};

const PGBOUNCER: Tool = Tool {
    packages: &["pgbouncer"],
    // Debian installs it for administrators only.
    is_installed: || {
        program(&["pgbouncer"]).is_some() || Path::new("/usr/sbin/pgbouncer").is_file()
    },
};

/// Every step, in the order in which they run.
pub(crate) const ALL: [Step; 10] = [
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
        installs: &[STRACE, PGBOUNCER, JAVA_TOOL],
        run: cargo_test::run,
    },
    Step {
        name: "api-on-postgres",
        about: "the tests of the API again, with nodes on PostgreSQL",
        needs: &[],
        wants: &[SERVICES],
        installs: &[],
        run: api_on_postgres::run,
    },
    Step {
        name: BUILD_NODE,
        about: "the node for the outside clients",
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
        name: "referee",
        about: "the validation of documents against that of graphql-js, on a real node",
        needs: &[BUILD_NODE],
        wants: &[],
        installs: &[NODE_JS],
        run: referee::run,
    },
    Step {
        name: "clients",
        about: "client libraries on a real node: Relay, Apollo Client, urql, a router of Apollo Federation",
        needs: &[BUILD_NODE],
        wants: &[],
        installs: &[NODE_JS],
        run: clients::run,
    },
    Step {
        name: "page-scripts",
        about: "the scripts of the explorer page without a browser",
        needs: &[],
        wants: &[],
        installs: &[NODE_JS],
        run: page_scripts::run,
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
        about: "requests generated from the schema by schemathesis, against a real node",
        needs: &[BUILD_NODE],
        wants: &[],
        installs: &[PYTHON],
        run: fuzz::run,
    },
];

/// The step of `--quick`, which is not part of a whole run.
pub(crate) const QUICK: Step = Step {
    name: "quick-test",
    about: "with --quick: the domain, the memory and SQLite suites, and the API on SQLite",
    needs: &[],
    wants: &[],
    installs: &[],
    run: quick_test::run,
};

const SERVICES: &str = "services";
const BUILD_NODE: &str = "build-node";
