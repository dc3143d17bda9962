//! One file per subcommand: it parses flags, calls the library, prints the result and returns an
//! exit code. Nothing is printed elsewhere.

use std::io;

use tracing_subscriber::EnvFilter;

mod baseline_server;
mod compare;
mod display;
mod other_node;
mod replay;
mod run;
mod signals;
mod soak;

pub(crate) use baseline_server::BaselineServerCommand;
pub(crate) use compare::Compare;
pub(crate) use other_node::OtherNodeCommand;
pub(crate) use replay::Replay;
pub(crate) use run::Run;
pub(crate) use soak::Soak;

/// The exit code that a shell reports for a process ended by SIGINT.
const EXIT_INTERRUPTED: u8 = 130;

/// Logs like a node whose log is not a terminal, by default. Otherwise the baseline would save the
/// span that the front end opens for each request, and the cost of actors would include it.
fn log_like_a_node() {
    let filter = EnvFilter::new("info,warp::server=off");
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    // An error means that logging was initialised before.
    let _ = logs.try_init();
}
