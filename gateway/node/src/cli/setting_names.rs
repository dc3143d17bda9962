//! The names of all settings.

use clap::Command;

/// The names of all settings: the arguments that can also be set in the environment.
pub(super) fn setting_names(command: &Command) -> Vec<String> {
    command
        .get_arguments()
        .filter(|argument| argument.get_env().is_some() && argument.get_id() != "config")
        .map(|argument| argument.get_id().to_string())
        .collect()
}
