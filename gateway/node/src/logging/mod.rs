//! Structured logs on stderr. No thread of a node blocks on stderr, or dies of it: lines go through a
//! bounded queue to a thread that writes them, and are dropped and counted when that falls behind.

mod line;
mod line_queue;
mod line_writer;
mod panics;
#[cfg(test)]
mod process_tests;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use self::line::LineFormat;
use self::line_queue::LineQueue;
use self::line_writer::LineWriter;
use crate::settings::LogFormat;

/// Suppresses logs of a library about connections between nodes, which fritzy-cluster logs as well.
/// A filter that names the library overrides it.
const QUIET: &str = "ractor_cluster=error";
/// How long the banner and the end of the process wait for queued lines: a reader that reads takes
/// milliseconds, and one that does not must not delay them.
const WRITE_TIME_MAX: Duration = Duration::from_secs(1);

/// Lines dropped by this process, which has one stderr and may have several nodes (in tests).
static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoggingError {
    /// The filter is malformed.
    #[error("invalid value for --log: {0}")]
    Filter(#[from] ParseError),
    /// The operating system refuses a thread.
    #[error("logging does not start: {0}")]
    Thread(#[from] io::Error),
}

/// Started logging. Dropping it waits for its lines: [`Self::wait_written`].
pub(crate) struct Logging(Arc<LineQueue>);

impl Logging {
    /// Starts logging, also of panics.
    ///
    /// # Errors
    /// When the filter is malformed, or no thread can be started.
    pub(crate) fn start(filter: &str, format: LogFormat) -> Result<Self, LoggingError> {
        let terminal = io::stderr().is_terminal();
        let format = match format {
            LogFormat::Auto if terminal => LineFormat::Text,
            LogFormat::Text => LineFormat::Text,
            LogFormat::Auto | LogFormat::Json => LineFormat::Json,
        };
        let filter = EnvFilter::builder().parse(format!("{QUIET},{filter}"))?;
        let queue = Arc::new(LineQueue::new(format, DROPPED.clone()));
        spawn_writer(&queue, io::stderr())?;
        panics::log_panics(queue.clone());
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(queue.clone());
        // Fails only if logging was started before, which then continues.
        let _ = match format {
            LineFormat::Json => logs
                .json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .try_init(),
            LineFormat::Text => logs.with_ansi(terminal).try_init(),
        };
        Ok(Self(queue))
    }

    /// Adds a line for people, which no filter suppresses, after the log lines so far.
    pub(crate) fn print(&self, line: &str) {
        self.0.push(format!("{line}\n").as_bytes());
    }

    /// Waits until all lines are written, at most [`WRITE_TIME_MAX`].
    pub(crate) fn wait_written(&self) {
        self.0.wait_written(WRITE_TIME_MAX);
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.wait_written();
    }
}

/// Registers the metric of this process's logs.
pub(crate) fn register(registry: &mut Registry) {
    let help = "Log lines dropped because stderr was full, closed or failing";
    registry.register("log_lines_dropped", help, DROPPED.clone());
}

/// Starts the thread that writes the lines of a queue. It ends with the process, even while a write
/// blocks.
fn spawn_writer(queue: &Arc<LineQueue>, sink: impl io::Write + Send + 'static) -> io::Result<()> {
    let queue = queue.clone();
    let mut writer = LineWriter::new(sink, &queue);
    let thread = thread::Builder::new().name("log-writer".to_owned());
    thread.spawn(move || {
        loop {
            writer.write(&queue.next());
        }
    })?;
    Ok(())
}
