//! `fritzy events tail`: prints events of the journal, and follows it.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;
use fritzy_domain::{Position, RecordedEvent, Version};
use fritzy_persistence::{EventTail, TailCursor, TailError, TailFrom};
use fritzy_types::{from_rfc3339, rfc3339};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::output::fail;
use super::runtime::current_thread_runtime;
use crate::settings::Settings;
use crate::signals::Signals;

/// Exit code for a journal with missing events.
const GAP: u8 = 1;
/// Exit code when the database cannot be read.
const CANNOT_READ: u8 = 2;
/// Between two polls for new events. A poll reads the head of every shard, which takes some
/// milliseconds for 1 024 of them; a new event is printed within half a second.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Bytes of lines written at once.
const CHUNK_BYTES: usize = 64 * 1_024;
/// Time for the reader to take the last lines after a signal; a reader that has stalled takes none.
const LAST_LINES_MAX: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub(super) enum EventsAction {
    /// Print events of the journal, one a line: the last ten, or from a given place on, and with
    /// --follow new ones as they are committed
    ///
    /// Needs no node, and may run next to one: it opens the database read-only. Events of one shard
    /// are printed in order and without gaps. Events of several shards are sorted by timestamp
    /// within one poll; events found by the next poll follow. Lines contain names and other data of
    /// customers. docs/events.md describes them. Exit code 0: at the end, after Ctrl-C, and when
    /// the reader closes the pipe; 1: events are missing; 2: the database cannot be read.
    Tail {
        /// Where to begin: start, now, an RFC 3339 timestamp (events of that time or later), or a
        /// cursor as --json prints it; @FILE reads it from a file
        #[arg(long, value_name = "FROM", value_parser = from, conflicts_with = "lines")]
        from: Option<StartPosition>,

        /// Without --from: how many of the last events to begin with, 0 to 10000. Each is looked up
        /// individually; for more, use --from
        #[arg(
            short = 'n', long, default_value = "10", value_name = "NUMBER",
            value_parser = clap::value_parser!(u32).range(0..=10_000)
        )]
        lines: u32,

        /// Continue with new events until Ctrl-C; polls twice a second
        #[arg(short, long)]
        follow: bool,

        /// Print one JSON object a line; the first and the last line are cursors: where it began,
        /// and where it ended
        #[arg(long)]
        json: bool,
    },
}

/// The argument of `--from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StartPosition {
    Position(TailFrom),
    /// Read only when it is used: arguments are parsed more than once.
    File(PathBuf),
}

impl StartPosition {
    fn read(self) -> Result<TailFrom, String> {
        let file = match self {
            Self::Position(position) => return Ok(position),
            Self::File(file) => file,
        };
        let error = |reason: String| format!("--from @{}: {reason}", file.display());
        let text = std::fs::read_to_string(&file).map_err(|failure| error(failure.to_string()))?;
        parse_position(&text).map_err(error)
    }
}

fn from(text: &str) -> Result<StartPosition, String> {
    match text.strip_prefix('@') {
        Some(file) => Ok(StartPosition::File(file.into())),
        None => parse_position(text).map(StartPosition::Position),
    }
}

fn parse_position(text: &str) -> Result<TailFrom, String> {
    let text = text.trim();
    match text {
        "start" => return Ok(TailFrom::Start),
        "now" => return Ok(TailFrom::Now),
        _ => {}
    }
    if let Ok(timestamp) = from_rfc3339(text) {
        return Ok(TailFrom::At(timestamp));
    }
    let cursor: Result<TailCursor, _> = text.parse();
    cursor.map(TailFrom::Cursor).map_err(|failure| {
        format!(
            "neither start, now, a timestamp such as 2026-11-22T21:00:00Z, nor a cursor: {failure}"
        )
    })
}

pub(super) fn run(action: EventsAction, settings: &Settings) -> ExitCode {
    let EventsAction::Tail {
        from,
        lines,
        follow,
        json,
    } = action;
    let runtime = match current_thread_runtime() {
        Ok(runtime) => runtime,
        Err(line) => return fail(&line, CANNOT_READ),
    };
    let from = from.unwrap_or(StartPosition::Position(TailFrom::Last(lines)));
    let from = match from.read() {
        Ok(from) => from,
        Err(line) => return fail(&line, CANNOT_READ),
    };
    let ended = runtime.block_on(tail(settings, &from, follow, json));
    // A write to a stalled reader must not keep this process alive.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stopped::ByReader) => ExitCode::SUCCESS,
        Err(Stopped::Unwritable(failure)) => fail(&format!("cannot write: {failure}"), CANNOT_READ),
        Err(Stopped::Tail(gap @ TailError::Gap { .. })) => fail(&gap.to_string(), GAP),
        Err(Stopped::Tail(failure)) => fail(&failure.to_string(), CANNOT_READ),
        Err(Stopped::NoSignals(failure)) => {
            fail(&format!("cannot receive signals: {failure}"), CANNOT_READ)
        }
    }
}

/// Why it stopped early.
enum Stopped {
    /// The reader closed the pipe.
    ByReader,
    Unwritable(io::Error),
    NoSignals(io::Error),
    Tail(TailError),
}

impl From<TailError> for Stopped {
    fn from(failure: TailError) -> Self {
        Self::Tail(failure)
    }
}

async fn tail(
    settings: &Settings,
    from: &TailFrom,
    follow: bool,
    json: bool,
) -> Result<(), Stopped> {
    let stop = Stop::listen().map_err(Stopped::NoSignals)?;
    let opening = async {
        match &settings.database_url {
            Some(url) => EventTail::open_postgres(url.secret(), from).await,
            None => EventTail::open_sqlite(&settings.database(), from).await,
        }
    };
    let Some(opened) = stop.or(opening).await else {
        return Ok(());
    };
    let mut printer = Printer {
        tail: opened?,
        stop,
        json,
        lines: String::new(),
    };
    let printed = printer.print(follow).await;
    printer.tail.close().await;
    printed
}

/// Writes events as lines.
struct Printer {
    tail: EventTail,
    stop: Stop,
    json: bool,
    /// Lines not yet written.
    lines: String,
}

impl Printer {
    async fn print(&mut self, follow: bool) -> Result<(), Stopped> {
        self.add_cursor();
        let printed = self.print_events(follow).await;
        // Events read before a failure are printed, with the cursor to continue from.
        if matches!(printed, Ok(()) | Err(Stopped::Tail(_))) {
            self.add_cursor();
            self.write().await?;
        }
        printed
    }

    async fn print_events(&mut self, follow: bool) -> Result<(), Stopped> {
        loop {
            match self.stop.or(self.tail.poll()).await {
                None => return Ok(()),
                Some(polled) => polled?,
            }
            loop {
                match self.stop.or(self.tail.next()).await {
                    None => return Ok(()),
                    Some(next) => match next? {
                        None => break,
                        Some(event) => self.add_event(&event),
                    },
                }
                if self.lines.len() >= CHUNK_BYTES {
                    self.write().await?;
                }
            }
            self.write().await?;
            if !follow || self.stop.or(sleep(POLL_INTERVAL)).await.is_none() {
                return Ok(());
            }
        }
    }

    fn add_event(&mut self, event: &RecordedEvent) {
        let line = if self.json {
            as_json(event)
        } else {
            as_text(event)
        };
        self.lines.push_str(&line);
        self.lines.push('\n');
    }

    fn add_cursor(&mut self) {
        if self.json {
            let line = json!({ "cursor": self.tail.cursor().to_string() });
            self.lines.push_str(&format!("{line}\n"));
        }
    }

    /// Writes the added lines on a blocking thread: the reader may be slow, and signals are
    /// received meanwhile.
    async fn write(&mut self) -> Result<(), Stopped> {
        let lines = std::mem::take(&mut self.lines);
        let written = tokio::task::spawn_blocking(move || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(lines.as_bytes())?;
            stdout.flush()
        });
        let mut written = Box::pin(written);
        let written = match self.stop.or(&mut written).await {
            Some(written) => written,
            None => match timeout(LAST_LINES_MAX, written).await {
                Ok(written) => written,
                Err(_) => return Err(Stopped::ByReader),
            },
        };
        match written.expect("writing does not panic") {
            Ok(()) => Ok(()),
            Err(failure) if failure.kind() == ErrorKind::BrokenPipe => Err(Stopped::ByReader),
            Err(failure) => Err(Stopped::Unwritable(failure)),
        }
    }
}

/// Cancelled by a signal.
struct Stop(CancellationToken);

impl Stop {
    fn listen() -> io::Result<Self> {
        let signals = Signals::listen()?;
        let stop = CancellationToken::new();
        let cancelled = stop.clone();
        tokio::spawn(async move {
            signals.any().await;
            cancelled.cancel();
        });
        Ok(Self(stop))
    }

    /// The result of `work`, or `None` when a signal is received first.
    async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.0.cancelled() => None,
            done = work => Some(done),
        }
    }
}

fn as_text(event: &RecordedEvent) -> String {
    format!(
        "{at} {shard}:{position} {event_type} {id} v{version} {data}",
        at = rfc3339(event.event.at()),
        shard = event.shard,
        position = event.position,
        event_type = event.event.event_type(),
        id = event.entity.as_uuid(),
        version = event.version,
        data = event.event.payload(),
    )
}

/// An event as one line of JSON.
#[derive(Serialize)]
struct JsonLine<'e> {
    shard: u16,
    position: Position,
    event_id: String,
    entity: String,
    id: String,
    version: Version,
    r#type: &'e str,
    at: String,
    command_id: String,
    /// The payload exactly as in the journal.
    data: Box<RawValue>,
}

fn as_json(event: &RecordedEvent) -> String {
    let line = JsonLine {
        shard: event.shard.0,
        position: event.position,
        event_id: event.event_id.to_string(),
        entity: event.entity.kind().to_string(),
        id: event.entity.as_uuid().to_string(),
        version: event.version,
        r#type: event.event.event_type(),
        at: rfc3339(event.event.at()),
        command_id: event.command.to_string(),
        data: RawValue::from_string(event.event.payload()).expect("an event's payload is JSON"),
    };
    serde_json::to_string(&line).expect("strings and integers are JSON")
}

#[cfg(test)]
mod tests {
    use fritzy_types::Timestamp;

    use super::*;

    #[test]
    fn start_position_is_a_word_timestamp_cursor_or_file() {
        let timestamp = TailFrom::At(Timestamp::from_micros(1_000_000));
        let cursor: TailCursor = "3:17,5:2".parse().expect("a cursor");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "3:17,5:2\n").expect("written");
        let at_file = format!("@{}", file.path().display());
        for (text, expected) in [
            ("start", TailFrom::Start),
            ("now", TailFrom::Now),
            ("1970-01-01T00:00:01Z", timestamp.clone()),
            ("1970-01-01T01:00:01+01:00", timestamp),
            ("3:17,5:2", TailFrom::Cursor(cursor.clone())),
            (&at_file, TailFrom::Cursor(cursor)),
        ] {
            let read = from(text).and_then(StartPosition::read);
            assert_eq!(read, Ok(expected), "{text}");
        }
        for (text, named) in [
            ("yesterday", "`yesterday`"),
            ("", "start, now, a timestamp"),
            ("@/nonexistent", "@/nonexistent: No such file"),
        ] {
            let refused = from(text)
                .and_then(StartPosition::read)
                .expect_err("refused");
            assert!(refused.contains(named), "{refused}");
        }
    }
}
