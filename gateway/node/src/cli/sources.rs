//! The effective settings and their sources, for `fritzy config`.

use std::collections::BTreeMap;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use fritzy_persistence::without_password;

use super::setting_names::setting_names;

/// The effective settings: name, value and source of each.
pub(super) struct Sources(Vec<(String, String, &'static str)>);

impl Sources {
    pub(super) fn new(
        command: &Command,
        matches: &ArgMatches,
        file: &BTreeMap<String, String>,
    ) -> Self {
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
        // Settings without a value are left out, so that the output is a valid settings file.
        let names = setting_names(command).into_iter();
        Self(
            names
                .filter(|name| matches.get_raw(name).is_some())
                .map(setting)
                .collect(),
        )
    }

    pub(super) fn as_toml(&self) -> String {
        let line = |(name, value, source): &(String, String, &str)| {
            format!(
                "{name} = {} # {source}\n",
                toml::Value::String(value.clone())
            )
        };
        self.0.iter().map(line).collect()
    }

    pub(super) fn as_json(&self) -> String {
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
