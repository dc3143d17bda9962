//! Structured logs on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::settings::LogFormat;

/// Suppresses logs of a library about connections between nodes, which fritzy-cluster logs as well.
/// A filter that names the library overrides it.
const QUIET: &str = "ractor_cluster=error";

/// Starts logging.
///
/// # Errors
/// When the filter is malformed.
pub(crate) fn init(filter: &str, format: LogFormat) -> Result<(), ParseError> {
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let filter = EnvFilter::builder().parse(format!("{QUIET},{filter}"))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // Fails only if logging was started before, which then continues.
    let _ = if json {
        logs.json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init()
    } else {
        logs.with_ansi(terminal).try_init()
    };
    Ok(())
}
