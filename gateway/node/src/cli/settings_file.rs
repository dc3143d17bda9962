//! The settings file.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Command;

use super::error::similar;
use super::setting_names::setting_names;

/// Reads a settings file: the texts of its values by key.
///
/// # Errors
/// A line that names the file, and the key or the line of the file.
pub(super) fn read_settings_file(
    path: &Path,
    command: &Command,
) -> Result<BTreeMap<String, String>, String> {
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
        if !setting_names(command).contains(&key) {
            let names = setting_names(command);
            let hint = similar(&key, names.iter().map(String::as_str))
                .unwrap_or_else(|| format!("known are {}", names.join(", ")));
            return Err(format!(
                "unknown setting `{key}` in the settings file {shown}; {hint}"
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
