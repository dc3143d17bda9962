//! The arguments: one declaration for flags, environment, settings file and help.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::error::{CliError, similar};
use super::settings_file::read_settings_file;
use super::sources::Sources;
use super::{backup, cluster, events, journal, projections, restore, topics};
use crate::settings::Settings;

/// A reactive commerce back end: accounts, products and orders behind one GraphQL API.
///
/// Without a command it starts a node. Each setting is a key of the settings file (--config, TOML,
/// the flag's name with underscores), an environment variable, and a flag; later ones override
/// earlier ones.
#[derive(Parser)]
#[command(name = "fritzy", version, about, max_term_width = 100)]
pub(super) struct Cli {
    /// Settings file in TOML; environment variables and flags override it
    #[arg(long, env = "FRITZY_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    #[command(flatten)]
    pub(super) settings: Settings,

    #[command(subcommand)]
    pub(super) action: Option<Action>,
}

#[derive(Subcommand)]
pub(super) enum Action {
    /// Start a node (the default)
    Node,
    /// Print the effective settings and their sources as TOML; secrets are hidden
    Config {
        /// Print one JSON object instead
        #[arg(long)]
        json: bool,
    },
    /// Print the GraphQL schema
    Schema,
    /// Migrate the database schema, and exit
    Migrate,
    Backup(backup::BackupCommand),
    Restore(restore::RestoreCommand),
    /// Print events of the journal
    Events {
        #[command(subcommand)]
        action: events::EventsAction,
    },
    /// Create and check the Kafka topics
    Topics {
        #[command(subcommand)]
        action: topics::TopicsAction,
    },
    /// Show and set the cursors of projections
    Projections {
        #[command(subcommand)]
        action: projections::ProjectionsAction,
    },
    /// Check the journal and the state rows derived from it
    Journal {
        #[command(subcommand)]
        action: journal::JournalAction,
    },
    /// Show and operate the nodes of a cluster and their shards
    Cluster(cluster::ClusterCommand),
}

/// Reads arguments, environment and the settings file.
///
/// # Errors
/// [`CliError`] for unknown or invalid settings, and for help and version.
pub(super) fn read(
    arguments: Vec<OsString>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(Cli, Sources), CliError> {
    let command = Cli::command();
    check_environment(&command, environment)?;
    // The first pass finds the settings file; the second reports errors.
    let file = command
        .clone()
        .ignore_errors(true)
        .try_get_matches_from(&arguments)
        .ok()
        .and_then(|matches| matches.get_one::<PathBuf>("config").cloned());
    let (command, from_file) = match &file {
        Some(path) => {
            let values = read_settings_file(path, &command).map_err(CliError::Line)?;
            (with_defaults(command, &values), values)
        }
        None => (command, BTreeMap::new()),
    };
    let mut matches = command
        .clone()
        .try_get_matches_from(arguments)
        .map_err(CliError::Clap)?;
    let sources = Sources::new(&command, &matches, &from_file);
    let cli = Cli::from_arg_matches_mut(&mut matches).map_err(CliError::Clap)?;
    Ok((cli, sources))
}

/// Refuses unknown variables with the prefix `FRITZY_`: a misspelt one would be ignored silently.
fn check_environment(
    command: &Command,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), CliError> {
    let known: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str())
        .collect();
    for (name, _) in environment {
        let shown = name.to_string_lossy();
        // Variables of the tests may be set in a developer's shell; a node ignores them.
        let is_setting = shown.starts_with("FRITZY_") && !shown.starts_with("FRITZY_TEST_");
        if is_setting && !known.contains(&&*shown) {
            let hint = similar(&shown, known.iter().copied());
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            return Err(CliError::Line(format!(
                "unknown environment variable {shown}{hint}; see `fritzy --help`"
            )));
        }
    }
    Ok(())
}

/// A value of the file replaces the default of its setting: environment and flags override it, and
/// it is parsed as they are.
fn with_defaults(mut command: Command, values: &BTreeMap<String, String>) -> Command {
    for (key, value) in values {
        let value = value.clone();
        command = command.mut_arg(key, |argument| argument.default_value(value));
    }
    command
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
        read(arguments.map(OsString::from).collect(), environment).map_err(|error| error.line())
    }

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("fritzy.toml");
        std::fs::write(&path, text).expect("written");
        (folder, path.to_string_lossy().into_owned())
    }

    #[test]
    fn flags_override_the_file_which_overrides_defaults() {
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
    fn settings_may_follow_the_command() {
        let (cli, _) = read_with(&["config", "--currency", "EUR"], &[]).expect("readable");
        assert_eq!(cli.settings.currency.code(), "EUR");
        assert!(matches!(cli.action, Some(Action::Config { json: false })));
    }

    #[test]
    fn unknown_or_invalid_setting_is_refused_by_name() {
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
    fn invalid_value_in_the_file_is_refused() {
        let (_folder, path) = file("shards = 70000");
        let refused = read_with(&["--config", &path], &[]).err().expect("refused");
        assert!(refused.contains("70000"), "{refused}");
    }

    #[test]
    fn declaration_of_arguments_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn unknown_name_suggests_the_nearest_known_one() {
        let (_folder, path) = file("data-dir = \"elsewhere\"");
        for (arguments, environment, suggested) in [
            (
                vec!["--lisen", "0.0.0.0:80"],
                vec![],
                "a similar argument exists: '--listen'",
            ),
            (
                vec!["cluster", "status", "--wach"],
                vec![],
                "a similar argument exists: '--watch'",
            ),
            (
                vec!["clutser"],
                vec![],
                "a similar command exists: 'cluster'",
            ),
            (
                vec!["--log-format", "jsn"],
                vec![],
                "a similar value exists: 'json'",
            ),
            (
                vec!["--config", &path],
                vec![],
                "a similar one exists: `data_dir`",
            ),
            (
                vec![],
                vec![("FRITZY_LISEN", "0.0.0.0:80")],
                "a similar one exists: `FRITZY_LISTEN`",
            ),
        ] {
            let refused = read_with(&arguments, &environment).err().expect("refused");
            assert!(refused.contains(suggested), "{refused}");
            assert_eq!(refused.lines().count(), 1, "{refused}");
        }
    }

    #[test]
    fn unrelated_unknown_name_suggests_nothing() {
        let (_folder, path) = file("qqqqqq = 1");
        for (arguments, named) in [
            (vec!["--qqqqqq"], "--qqqqqq"),
            (vec!["--config", &path], "known are listen, data_dir"),
        ] {
            let refused = read_with(&arguments, &[]).err().expect("refused");
            assert!(refused.contains(named), "{refused}");
            assert!(!refused.contains("similar"), "{refused}");
        }
    }

    #[test]
    fn error_does_not_quote_a_secret() {
        for arguments in [
            ["--cluster-cookie", "s3cret"],
            ["--admin-token", "s3cret"],
            ["--database-url", "mysql://me:s3cret@h/db"],
        ] {
            let refused = read_with(&arguments, &[]).err().expect("refused");
            assert!(refused.contains(arguments[0]), "{refused}");
            assert!(!refused.contains("s3cret"), "{refused}");
        }
    }
}
