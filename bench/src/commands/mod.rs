//! One file per subcommand: flags in, the library's work, text and an exit code out. Only here is anything printed.

use std::io;

use tracing_subscriber::EnvFilter;

mod baseline_server;
mod compare;
mod display;
mod other_node;
mod replay;
mod run;

pub(crate) use baseline_server::CeilingServer;
pub(crate) use compare::Compare;
pub(crate) use other_node::OtherNodeCommand;
pub(crate) use replay::Replay;
pub(crate) use run::Run;

/// What a shell answers for a process that SIGINT ended.
const EXIT_INTERRUPTED: u8 = 130;

/// What a node does whose log is not a terminal, by default. Without it the ceiling would be spared the span that the
/// front end opens for each request, and actors would be blamed for what that costs.
fn log_as_a_node() {
    let filter = EnvFilter::new("info,warp::server=off");
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    // It fails only where logging was started before.
    let _ = logs.try_init();
}
