//! `cargo xtask services`: real servers for the tests, kept running between test runs.
//!
//! `up` starts those that are not running and prints the variables to export; `down` ends exactly
//! those that `up` started. Their records are in `target/services/`. The services are the entries
//! of [`ALL`].

mod record;
mod service;

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

pub(crate) use service::{ALL, JAVA_TOOL, POSTGRES_TOOL, Service, Started};

use crate::install;
use crate::metadata::Metadata;
use record::Record;

/// A command for the servers.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Only this service: postgres or kafka.
    #[arg(long, global = true, value_parser = ALL.map(|service| service.name))]
    only: Option<String>,
    /// Print JSON instead of lines for people and shells.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Start those that are not running. `eval "$(cargo xtask services up)"` sets the variables.
    Up {
        /// Number of Kafka brokers.
        #[arg(long, default_value = "1", value_parser = clap::value_parser!(u8).range(1..=3))]
        brokers: u8,
        /// As root, install missing tools with apt-get first.
        #[arg(long)]
        install: bool,
    },
    /// End those that `up` started, and remove their data.
    Down,
    /// Show the services; the exit code is 0 if all run.
    Status,
}

/// The status of one service.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Status {
    name: &'static str,
    state: State,
    /// The variable that tests read, and its value.
    variable: &'static str,
    value: Option<String>,
    /// Its version and address, or the reason why it is not running.
    about: String,
    pids: Vec<u32>,
    log: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// The environment names one; it is not managed here.
    Given,
    Running,
    Stopped,
    /// It is not installed, or did not start.
    Unavailable,
}

/// Executes the command. Returns whether every service runs; after `down`, whether none does.
///
/// # Errors
/// When `cargo metadata` fails, a record cannot be read or written, or a server cannot be ended.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let folder = Metadata::read()?.target_directory.join("services");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let _lock = record::lock(&folder)?;
    let chosen = |service: &&Service| {
        let only = arguments.only.as_deref();
        only.is_none_or(|only| only == service.name)
    };
    if let Command::Up { install: true, .. } = arguments.command {
        let tools = ALL.iter().filter(chosen).map(|service| &service.tool);
        install::install_missing(tools);
    }
    let is_down = matches!(arguments.command, Command::Down);
    let mut statuses = Vec::new();
    for service in ALL.iter().filter(chosen) {
        let given = given(service, env::var(service.variable).ok(), &folder)?;
        statuses.push(match (given.filter(|_| !is_down), &arguments.command) {
            (Some(given), _) => given,
            (None, Command::Up { brokers, .. }) => up(service, &folder, (*brokers).into())?,
            (None, Command::Down) => down(service, &folder)?,
            (None, Command::Status) => status(service, &folder)?,
        });
    }
    print(&statuses, arguments)?;
    let wanted: &[State] = match arguments.command {
        Command::Down => &[State::Stopped],
        Command::Up { .. } | Command::Status => &[State::Given, State::Running],
    };
    Ok(statuses.iter().all(|status| wanted.contains(&status.state)))
}

fn up(service: &Service, folder: &Path, brokers: usize) -> Result<Status> {
    if let Some(record) = Record::read(folder, service.name)? {
        if record.is_running() {
            return Ok(running(service, record));
        }
        // After a restart of the machine, or a kill: its folder may be left.
        record.end(folder, service.name)?;
    }
    match service.start(folder, brokers) {
        Ok(started) => {
            let record = Record::detach(started)?;
            record.write(folder, service.name)?;
            Ok(running(service, record))
        }
        Err(error) => Ok(not_running(service, State::Unavailable, error.to_string())),
    }
}

fn down(service: &Service, folder: &Path) -> Result<Status> {
    let about = match Record::read(folder, service.name)? {
        Some(record) => {
            record.end(folder, service.name)?;
            "ended".to_owned()
        }
        None => "was not running".to_owned(),
    };
    Ok(not_running(service, State::Stopped, about))
}

fn status(service: &Service, folder: &Path) -> Result<Status> {
    let record = Record::read(folder, service.name)?;
    Ok(match record {
        Some(record) if record.is_running() => running(service, record),
        Some(_) => not_running(service, State::Stopped, "has ended by itself".to_owned()),
        None => not_running(
            service,
            State::Stopped,
            "`cargo xtask services up` starts it".to_owned(),
        ),
    })
}

/// The server that the environment names, unless `up` started it.
fn given(service: &Service, value: Option<String>, folder: &Path) -> Result<Option<Status>> {
    let ours = Record::read(folder, service.name)?.map(|record| record.value);
    let given = value.filter(|value| ours.as_ref() != Some(value));
    Ok(given.map(|value| Status {
        value: Some(value),
        ..not_running(service, State::Given, format!("by {}", service.variable))
    }))
}

fn running(service: &Service, record: Record) -> Status {
    Status {
        value: Some(record.value),
        pids: record.processes.iter().map(|process| process.pid).collect(),
        log: Some(record.log),
        ..not_running(service, State::Running, record.about)
    }
}

fn not_running(service: &Service, state: State, about: String) -> Status {
    Status {
        name: service.name,
        state,
        variable: service.variable,
        value: None,
        about,
        pids: Vec::new(),
        log: None,
    }
}

/// Lines for shells go to the standard output, those for people to the standard error.
fn print(statuses: &[Status], arguments: &Arguments) -> Result<()> {
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(statuses)?);
        return Ok(());
    }
    for status in statuses {
        eprintln!("{}", line(status));
        if let (Command::Up { .. }, Some(value)) = (&arguments.command, &status.value) {
            println!("{}", export(status.variable, value));
        }
    }
    Ok(())
}

fn line(status: &Status) -> String {
    let state = match status.state {
        State::Given => "given",
        State::Running => "running",
        State::Stopped => "stopped",
        State::Unavailable => "UNAVAILABLE",
    };
    let pids: Vec<String> = status.pids.iter().map(ToString::to_string).collect();
    let process = match pids.len() {
        0 => String::new(),
        1 => format!(", process {}", pids[0]),
        _ => format!(", processes {}", pids.join(" ")),
    };
    let log = status.log.as_ref().map(|log| format!(", log {log}"));
    format!(
        "{:10} {state:12} {}{}{}",
        status.name,
        status.about,
        process,
        log.unwrap_or_default()
    )
}

/// For a shell: within single quotes, only single quotes must be escaped.
fn export(variable: &str, value: &str) -> String {
    format!("export {variable}='{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fritzy_testbed::{skipped, test_name};
    use service::tests::ABSENT;

    #[test]
    fn exported_values_are_quoted_for_shells() {
        assert_eq!(export("A", "x://y?a=b&c"), "export A='x://y?a=b&c'");
        assert_eq!(export("A", "it's"), "export A='it'\\''s'");
    }

    #[test]
    fn unavailable_service_leaves_no_record() {
        let folder = std::env::temp_dir().join(format!("xtask-services-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let unavailable = up(&ABSENT, &folder, 1).unwrap();
        assert_eq!(unavailable.state, State::Unavailable);
        assert!(
            line(&unavailable).starts_with("absent     UNAVAILABLE  it is not installed: "),
            "{}",
            line(&unavailable)
        );
        assert_eq!(status(&ABSENT, &folder).unwrap().state, State::Stopped);
        assert_eq!(down(&ABSENT, &folder).unwrap().about, "was not running");
        assert_eq!(folder.read_dir().unwrap().count(), 0);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn service_runs_between_up_and_down() {
        for service in &ALL {
            // The others are tested even if this machine does not have one of them.
            if let Err(unavailable) = runs_between_up_and_down(service) {
                skipped(test_name!(), &unavailable);
            }
        }
    }

    /// Fails with the reason where this machine does not have the service.
    fn runs_between_up_and_down(service: &Service) -> Result<(), String> {
        let folder = format!("xtask-services-{}-{}", service.name, std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let started = up(service, &folder, 1).unwrap();
        if started.state == State::Unavailable {
            fs::remove_dir_all(&folder).unwrap();
            return Err(started.about);
        }
        assert_eq!(started.state, State::Running);
        assert_eq!(
            up(service, &folder, 1).unwrap(),
            started,
            "a second `up` changes nothing"
        );
        assert_eq!(status(service, &folder).unwrap(), started);
        let state_if_given = |value: &str| {
            let given = given(service, Some(value.to_owned()), &folder).unwrap();
            given.map(|status| status.state)
        };
        assert_eq!(state_if_given("another"), Some(State::Given));
        assert_eq!(
            state_if_given(started.value.as_ref().unwrap()),
            None,
            "started by `up`"
        );
        assert_eq!(down(service, &folder).unwrap().about, "ended");
        assert_eq!(status(service, &folder).unwrap().state, State::Stopped);
        assert_eq!(Record::read(&folder, service.name).unwrap(), None);
        fs::remove_dir_all(&folder).unwrap();
        Ok(())
    }
}
