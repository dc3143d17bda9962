//! Runs the chosen command. Without one, runs a node until a signal stops it or it cannot go on.

use std::process::ExitCode;
use std::time::Duration;

use fritzy_gateway::schema_text;
use fritzy_persistence::Lost;
use futures_util::FutureExt as _;
use tokio::time::sleep;
use tracing::{error, warn};

use super::arguments::{Action, read};
use super::error::CliError;
use super::output::{fail, out};
use super::{backup, cluster, events, journal, migrate, projections, restore, topics};
use crate::node::Node;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::{banner, logging};

/// Before another attempt to start again.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Exit code for settings that cannot be used.
const BAD_SETTINGS: u8 = 2;

/// Runs the binary, and returns its exit code.
pub fn main() -> ExitCode {
    let read = read(std::env::args_os().collect(), std::env::vars_os());
    let (cli, sources) = match read {
        Ok(read) => read,
        Err(CliError::Clap(error)) if !error.use_stderr() => {
            // Help and version, on stdout.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(BAD_SETTINGS));
        }
        Err(error) => return fail(&error.line(), BAD_SETTINGS),
    };
    match cli.action {
        Some(Action::Config { json }) => out(&if json {
            sources.as_json()
        } else {
            sources.as_toml()
        }),
        Some(Action::Schema) => out(&schema_text()),
        Some(Action::Migrate) => migrate::run(&cli.settings),
        Some(Action::Backup(command)) => backup::run(&command, &cli.settings),
        Some(Action::Restore(command)) => restore::run(&command, &cli.settings),
        Some(Action::Events { action }) => events::run(action, &cli.settings),
        Some(Action::Topics { action }) => topics::run(&action, &cli.settings),
        Some(Action::Projections { action }) => projections::run(action, &cli.settings),
        Some(Action::Journal { action }) => journal::run(action, &cli.settings),
        Some(Action::Cluster(command)) => cluster::run(command, &cli.settings),
        Some(Action::Node) | None => run_node(cli.settings),
    }
}

fn run_node(settings: Settings) -> ExitCode {
    if let Err(failure) = logging::init(&settings.log, settings.log_format) {
        return fail(&format!("invalid value for --log: {failure}"), BAD_SETTINGS);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(failure) => return fail(&format!("the runtime does not start: {failure}"), 1),
    };
    runtime.block_on(async {
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(failure) => return fail(&format!("cannot receive signals: {failure}"), 1),
        };
        let stopped = signals.any().shared();
        let mut node = match Node::start_until(settings.clone(), stopped.clone()).await {
            Ok(node) => node,
            Err(failure) => return fail(&failure.to_string(), 1),
        };
        out(&banner::text(&settings, node.address()));
        loop {
            let lost = tokio::select! {
                () = stopped.clone() => {
                    node.stop().await;
                    return ExitCode::SUCCESS;
                }
                lost = node.lost() => lost,
            };
            node = match lost {
                // Its memory may be stale and nothing can be written, so there is nothing to
                // finish.
                Lost::Database(reason) => return fail(&format!("this node stops: {reason}"), 1),
                Lost::History => {
                    warn!("starting over with what the database has");
                    let again = Settings {
                        listen: node.address(),
                        ..settings.clone()
                    };
                    node.abandon().await;
                    match start_again(&again, stopped.clone()).await {
                        Some(node) => node,
                        None => return ExitCode::SUCCESS,
                    }
                }
            }
        }
    })
}

/// Starts a node again, however often it takes: the database may be away for a while. `None` when
/// `stopped` completes.
async fn start_again(
    settings: &Settings,
    stopped: impl Future<Output = ()> + Clone + Send,
) -> Option<Node> {
    loop {
        match Node::start_until(settings.clone(), stopped.clone()).await {
            Ok(node) => return Some(node),
            Err(failure) => error!(%failure, "this node does not start again yet; retrying"),
        }
        tokio::select! {
            () = stopped.clone() => return None,
            () = sleep(RESTART_DELAY) => {}
        }
    }
}
