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
use super::output::{error_line, fail, out, out_within};
use super::{backup, cluster, events, journal, migrate, projections, restore, topics};
use crate::banner;
use crate::logging::{Logging, LoggingError};
use crate::node::Node;
use crate::settings::{ListenAddress, Settings};
use crate::signals::Signals;

/// Before another attempt to start again.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Exit code for settings that cannot be used.
const BAD_SETTINGS: u8 = 2;
/// How long a node waits for its banner to be printed: no reader of stdout must stop it.
const BANNER_TIME_MAX: Duration = Duration::from_secs(1);

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
    // Dropped after the runtime: lines of the last tasks are written, too.
    let logging = match Logging::start(&settings.log, settings.log_format) {
        Ok(logging) => logging,
        Err(failure @ LoggingError::Filter(_)) => return fail(&failure.to_string(), BAD_SETTINGS),
        Err(failure @ LoggingError::Thread(_)) => return fail(&failure.to_string(), 1),
    };
    // From here on only the log writes to stderr, which may be full.
    let fail_with = |code: u8, reason: &str| {
        logging.print(&error_line(reason));
        ExitCode::from(code)
    };
    let fail = |reason: &str| fail_with(1, reason);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(failure) => return fail(&format!("the runtime does not start: {failure}")),
    };
    runtime.block_on(async {
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(failure) => return fail(&format!("cannot receive signals: {failure}")),
        };
        let stopped = signals.any().shared();
        let mut node = match Node::start_until(settings.clone(), stopped.clone()).await {
            Ok(node) => node,
            Err(failure) if failure.is_of_settings() => {
                return fail_with(BAD_SETTINGS, &failure.to_string());
            }
            Err(failure) => return fail(&failure.to_string()),
        };
        // On a terminal, the banner follows the log of the start.
        logging.wait_written();
        out_within(banner::text(&settings, node.address()), BANNER_TIME_MAX);
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
                Lost::Database(reason) => return fail(&format!("this node stops: {reason}")),
                Lost::History => {
                    warn!("starting over with what the database has");
                    let again = Settings {
                        listen: ListenAddress::Ip(node.address()),
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
