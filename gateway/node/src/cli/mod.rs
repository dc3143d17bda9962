//! The command line: one declaration gives flags, environment, file and help.

mod cluster;
mod events;
mod journal;
mod migrate;
mod projections;
mod topics;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use fritzy_gateway::schema_text;
use futures_util::FutureExt as _;

use crate::node::Node;
use crate::settings::{Settings, without_password};
use crate::signals::Signals;
use crate::{banner, logging};

/// Exit code for settings that cannot be used.
const BAD_SETTINGS: u8 = 2;

/// A reactive commerce back end: accounts, products and orders behind one GraphQL API.
///
/// Without a command it starts a node. Every setting can stand in a file (--config, TOML, the flag's
/// name with underscores), in the environment, or be a flag; the later overrides the earlier.
#[derive(Parser)]
#[command(name = "fritzy", version, about, max_term_width = 100)]
struct Cli {
    /// Settings file (TOML)
    #[arg(long, env = "FRITZY_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    #[command(flatten)]
    settings: Settings,

    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Start a node (what happens without a command)
    Node,
    /// Print the effective settings and where each comes from, as TOML; secrets are hidden
    Config {
        /// Print one JSON object instead
        #[arg(long)]
        json: bool,
    },
    /// Print the GraphQL schema
    Schema,
    /// Bring the schema of the database up to date, and end
    Migrate,
    /// Watch what happens
    Events {
        #[command(subcommand)]
        action: events::EventsAction,
    },
    /// Make and check the topics on Kafka
    Topics {
        #[command(subcommand)]
        action: topics::TopicsAction,
    },
    /// Look after what follows the journal: how far it is behind, and what it has stopped before
    Projections {
        #[command(subcommand)]
        action: projections::ProjectionsAction,
    },
    /// Look after the journal and the state rows that are made from it
    Journal {
        #[command(subcommand)]
        action: journal::JournalAction,
    },
    /// Look after the nodes of a cluster and the shards they own
    Cluster(cluster::ClusterCommand),
}

/// Runs the binary.
pub fn main() -> ExitCode {
    let read = read(std::env::args_os().collect(), std::env::vars_os());
    let (cli, sources) = match read {
        Ok(read) => read,
        Err(Refused::Clap(refusal)) => {
            if refusal.use_stderr() {
                return fail(&first_line(&refusal), BAD_SETTINGS);
            }
            // Help and version, on stdout.
            let _ = refusal.print();
            return ExitCode::from(u8::try_from(refusal.exit_code()).unwrap_or(BAD_SETTINGS));
        }
        Err(Refused::Line(line)) => return fail(&line, BAD_SETTINGS),
    };
    match cli.action {
        Some(Action::Config { json }) => out(&if json {
            sources.as_json()
        } else {
            sources.as_toml()
        }),
        Some(Action::Schema) => out(&schema_text()),
        Some(Action::Migrate) => migrate::run(&cli.settings),
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
        return fail(
            &format!("the setting log cannot be read: {failure}"),
            BAD_SETTINGS,
        );
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
            Err(failure) => return fail(&format!("signals cannot be heard: {failure}"), 1),
        };
        let stopped = signals.any().shared();
        let node = match Node::start_until(settings.clone(), stopped.clone()).await {
            Ok(node) => node,
            Err(failure) => return fail(&failure.to_string(), 1),
        };
        out(&banner::text(&settings, node.address()));
        tokio::select! {
            () = stopped => {
                node.stop().await;
                ExitCode::SUCCESS
            }
            // What it has in memory may be old, and nothing can be written: there is nothing to finish.
            taken = node.lost() => fail(&format!("this node ends: {taken}"), 1),
        }
    })
}

/// What is wrong, in one line.
fn first_line(refusal: &clap::Error) -> String {
    let text = refusal.to_string();
    // What is missing, or possible, stands below; hints and usage come after an empty line.
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let line = lines.join(" ");
    let line = line.trim_start_matches("error: ");
    // It quotes the value, which may be a secret, or hold one.
    let secrets = ["--database", "--cluster-cookie", "--admin-token"];
    let quoted = |secret: &&str| line.find(&format!("' for '{secret}"));
    let line = match secrets.iter().find_map(quoted) {
        Some(at) => format!("invalid value{}", &line[at + 1..]),
        None => line.to_owned(),
    };
    format!("{line}; `fritzy --help` says what there is")
}

fn out(text: &str) -> ExitCode {
    // A closed pipe is the reader's wish.
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn fail(line: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "fritzy: {line}");
    ExitCode::from(code)
}

enum Refused {
    Clap(clap::Error),
    Line(String),
}

/// Reads arguments, environment and the settings file.
fn read(
    arguments: Vec<OsString>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(Cli, Sources), Refused> {
    let command = Cli::command();
    check_environment(&command, environment)?;
    // A first reading finds the file; what is wrong with the rest is told by the second.
    let file = command
        .clone()
        .ignore_errors(true)
        .try_get_matches_from(&arguments)
        .ok()
        .and_then(|matches| matches.get_one::<PathBuf>("config").cloned());
    let (command, from_file) = match &file {
        Some(path) => {
            let values = read_file(path, &command).map_err(Refused::Line)?;
            (with_defaults(command, &values), values)
        }
        None => (command, BTreeMap::new()),
    };
    let mut matches = command
        .clone()
        .try_get_matches_from(arguments)
        .map_err(Refused::Clap)?;
    let sources = Sources::new(&command, &matches, &from_file);
    let cli = Cli::from_arg_matches_mut(&mut matches).map_err(Refused::Clap)?;
    Ok((cli, sources))
}

/// A misspelt variable would silently do nothing, so unknown ones with our prefix are refused.
fn check_environment(
    command: &Command,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), Refused> {
    let known: Vec<_> = command
        .get_arguments()
        .filter_map(clap::Arg::get_env)
        .collect();
    for (name, _) in environment {
        let shown = name.to_string_lossy();
        // Those of the tests, which a developer's shell may have, mean nothing to a node.
        let is_ours = shown.starts_with("FRITZY_") && !shown.starts_with("FRITZY_TEST_");
        if is_ours && !known.contains(&name.as_os_str()) {
            return Err(Refused::Line(format!(
                "the environment variable {} is no setting; `fritzy --help` lists them",
                name.to_string_lossy()
            )));
        }
    }
    Ok(())
}

fn read_file(path: &Path, command: &Command) -> Result<BTreeMap<String, String>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|failure| format!("the settings file {shown} cannot be read: {failure}"))?;
    let table: toml::Table = text.parse().map_err(|failure: toml::de::Error| {
        let before = failure
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!(
            "the settings file {shown} is not TOML: line {line}: {}",
            failure.message()
        )
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        if !is_setting(command, &key) {
            return Err(format!(
                "the settings file {shown} has an unknown setting `{key}`; known are {}",
                setting_names(command).join(", ")
            ));
        }
        values.insert(key.clone(), plain(&value).ok_or_else(|| {
            format!("the settings file {shown}: `{key}` must be a string, a number or a list of strings")
        })?);
    }
    Ok(values)
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(texts?.join(","))
        }
        _ => None,
    }
}

/// A value of the file takes the place of the setting's default: environment and flags override it,
/// and it is checked as they are.
fn with_defaults(mut command: Command, values: &BTreeMap<String, String>) -> Command {
    for (key, value) in values {
        let value = value.clone();
        command = command.mut_arg(key, |argument| argument.default_value(value));
    }
    command
}

fn is_setting(command: &Command, name: &str) -> bool {
    setting_names(command).iter().any(|known| known == name)
}

fn setting_names(command: &Command) -> Vec<String> {
    command
        .get_arguments()
        .filter(|argument| argument.get_env().is_some() && argument.get_id() != "config")
        .map(|argument| argument.get_id().to_string())
        .collect()
}

/// The effective settings with where each comes from.
struct Sources(Vec<(String, String, &'static str)>);

impl Sources {
    fn new(command: &Command, matches: &ArgMatches, file: &BTreeMap<String, String>) -> Self {
        let setting = |name: String| {
            let raw = matches.get_raw(&name).into_iter().flatten();
            let value: Vec<_> = raw
                .map(|part| part.to_string_lossy().into_owned())
                .collect();
            let source = match matches.value_source(&name) {
                Some(ValueSource::CommandLine) => "flag",
                Some(ValueSource::EnvVariable) => "environment",
                _ if file.contains_key(&name) => "file",
                _ => "default",
            };
            let value = value.join(",");
            let value = match name.rsplit_once('_') {
                Some((_, "url")) => without_password(&value),
                Some((_, "cookie" | "token")) => "(hidden)".to_owned(),
                _ => value,
            };
            (name, value, source)
        };
        // One that is not set is left out, so that what is printed can be used as a settings file.
        let names = setting_names(command).into_iter();
        Self(
            names
                .filter(|name| matches.get_raw(name).is_some())
                .map(setting)
                .collect(),
        )
    }

    fn as_toml(&self) -> String {
        let line = |(name, value, source): &(String, String, &str)| {
            format!(
                "{name} = {} # {source}\n",
                toml::Value::String(value.clone())
            )
        };
        self.0.iter().map(line).collect()
    }

    fn as_json(&self) -> String {
        let entry = |(name, value, source): &(String, String, &str)| {
            (
                name.clone(),
                serde_json::json!({ "value": value, "source": source }),
            )
        };
        let object: serde_json::Map<_, _> = self.0.iter().map(entry).collect();
        format!("{}\n", serde_json::Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<(Cli, Sources), String> {
        let arguments = std::iter::once("fritzy").chain(arguments.iter().copied());
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        read(arguments.map(OsString::from).collect(), environment).map_err(
            |refused| match refused {
                Refused::Clap(refusal) => refusal.to_string(),
                Refused::Line(line) => line,
            },
        )
    }

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("fritzy.toml");
        std::fs::write(&path, text).expect("written");
        (folder, path.to_string_lossy().into_owned())
    }

    #[test]
    fn flags_override_the_file_and_the_file_the_defaults() {
        let (_folder, path) =
            file("currency = \"JPY\"\nshards = 16\ncors_origins = [\"https://a\", \"*\"]");
        let (cli, sources) =
            read_with(&["--config", &path, "--shards", "8"], &[]).expect("readable");
        assert_eq!(cli.settings.shards.get(), 8);
        assert_eq!(cli.settings.currency.code(), "JPY");
        assert_eq!(cli.settings.cors_origins, ["https://a", "*"]);
        let toml = sources.as_toml();
        assert!(toml.contains("shards = \"8\" # flag\n"), "{toml}");
        assert!(toml.contains("currency = \"JPY\" # file\n"), "{toml}");
        assert!(
            toml.contains("request_timeout_ms = \"10000\" # default\n"),
            "{toml}"
        );
    }

    #[test]
    fn settings_may_stand_behind_the_command() {
        let (cli, _) = read_with(&["config", "--currency", "EUR"], &[]).expect("readable");
        assert_eq!(cli.settings.currency.code(), "EUR");
        assert!(matches!(cli.action, Some(Action::Config { json: false })));
    }

    #[test]
    fn what_is_not_a_setting_is_refused_by_name() {
        let (_folder, path) = file("curency = \"USD\"");
        for (arguments, environment, named) in [
            (vec!["--config", &path], vec![], "curency"),
            (vec!["--curency", "USD"], vec![], "--curency"),
            (vec![], vec![("FRITZY_CURENCY", "USD")], "FRITZY_CURENCY"),
            (vec!["--currency", "usd"], vec![], "ISO 4217"),
            (vec!["--shards", "0"], vec![], "1 to 32768"),
            (vec!["--log", "nonsense"], vec![], "nonsense"),
            (
                vec!["--cors-origins", "shop.example"],
                vec![],
                "shop.example",
            ),
            (
                vec!["--config", "/nonexistent.toml"],
                vec![],
                "/nonexistent.toml",
            ),
        ] {
            let refused = read_with(&arguments, &environment).err().expect("refused");
            assert!(refused.contains(named), "{refused}");
        }
    }

    #[test]
    fn a_bad_value_in_the_file_is_refused() {
        let (_folder, path) = file("shards = 70000");
        let refused = read_with(&["--config", &path], &[]).err().expect("refused");
        assert!(refused.contains("70000"), "{refused}");
    }

    #[test]
    fn the_declaration_is_sound() {
        Cli::command().debug_assert();
    }
}
