//! Errors of the command line: one line each, with the nearest known name for an unknown one.

use clap::error::{ContextKind, ContextValue};

/// Settings whose values must not be printed.
const SECRETS: [&str; 3] = ["--database", "--cluster-cookie", "--admin-token"];
/// Least similarity of a suggestion, as clap has it for arguments.
const SIMILARITY_MIN: f64 = 0.7;

/// Why arguments, environment and settings file cannot be used; or help and version, which clap
/// reports as errors.
#[derive(Debug)]
pub(super) enum CliError {
    /// An error of clap.
    Clap(clap::Error),
    /// A line for stderr.
    Line(String),
}

impl CliError {
    /// The error in one line.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Clap(error) => one_line(error),
            Self::Line(line) => line.clone(),
        }
    }
}

/// An error of clap in one line, without values of secrets.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    // Missing arguments and possible values follow on further lines; tips and usage follow an empty
    // line.
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let line = lines.join(" ");
    let line = line.trim_start_matches("error: ");
    // It quotes the value, which may be a secret, or contain one.
    let quoted = |secret: &&str| line.find(&format!("' for '{secret}"));
    let line = match SECRETS.iter().find_map(quoted) {
        Some(at) => format!("invalid value{}", &line[at + 1..]),
        None => line.to_owned(),
    };
    let suggestion = suggestion(error).unwrap_or_default();
    format!("{line}{suggestion}; see `fritzy --help`")
}

/// What clap suggests for an unknown argument, command or value.
fn suggestion(error: &clap::Error) -> Option<String> {
    let kinds = [
        (ContextKind::SuggestedArg, "argument"),
        (ContextKind::SuggestedSubcommand, "command"),
        (ContextKind::SuggestedValue, "value"),
    ];
    kinds.into_iter().find_map(|(kind, what)| {
        let known = match error.get(kind)? {
            ContextValue::String(known) => known,
            ContextValue::Strings(known) => known.first()?,
            _ => return None,
        };
        Some(format!("; a similar {what} exists: '{known}'"))
    })
}

/// The known name most similar to an unknown one, as a part of an error.
pub(super) fn similar<'k>(unknown: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    let ranked = known.map(|known| (strsim::jaro(unknown, known), known));
    let nearest = ranked.max_by(|(one, _), (other, _)| one.total_cmp(other));
    let (_, nearest) = nearest.filter(|(similarity, _)| *similarity > SIMILARITY_MIN)?;
    Some(format!("a similar one exists: `{nearest}`"))
}
