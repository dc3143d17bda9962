//! Structured logs on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::settings::LogFormat;

/// What others log of connections between nodes, which ours do as well; whoever wants to read it names them.
const QUIET: &str = "ractor_cluster=error";

/// Starts logging.
///
/// # Errors
/// When the filter cannot be read.
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
    // Fails only if logging was started before, which then goes on.
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
