//! `fritzy events tail`: prints what is in the journal, and what comes into it.

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
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::fail;
use crate::settings::Settings;
use crate::signals::Signals;

/// Exit code for a journal that lacks an event.
const GAP: u8 = 1;
/// Exit code when the database cannot be read.
const CANNOT_READ: u8 = 2;
/// Between two looks for new events. One look asks for the end of every shard, some milliseconds for 1 024 of
/// them; who watches waits for half a second at most.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Bytes of lines that are written at once.
const CHUNK_BYTES: usize = 64 * 1_024;
/// What a reader gets to take the last lines, after a signal. One who has stopped reading takes none.
const LAST_LINES_MAX: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub(super) enum EventsAction {
    /// Print the events of the journal, one line each: the last ten, or from some place on, and with
    /// --follow those to come
    ///
    /// Needs no node, and runs beside one: it opens the database for reading only, and writes nothing. The
    /// events of one shard come in their order, without a gap. Those of several shards come in the order of
    /// their moments, as far as they are there when it looks; what is found at the next look comes behind.
    /// Lines hold names and other contents. docs/events.md explains what they are made of. Exit code 0 at the
    /// end, after Ctrl-C, and when the reader of the lines goes away; 1: events are missing; 2: the database
    /// cannot be read.
    Tail {
        /// Where to begin: start, now, a moment as RFC 3339 writes it (events dated then or later), or a
        /// cursor as --json prints them; @FILE reads it from a file
        #[arg(long, value_name = "FROM", value_parser = from, conflicts_with = "lines")]
        from: Option<Beginning>,

        /// Without --from: how many of the last events to begin with, 0 to 10000. Each is looked up by
        /// itself; for more, there is --from
        #[arg(
            short = 'n', long, default_value = "10", value_name = "NUMBER",
            value_parser = clap::value_parser!(u32).range(0..=10_000)
        )]
        lines: u32,

        /// Go on with new events, looking twice a second, until Ctrl-C
        #[arg(short, long)]
        follow: bool,

        /// Print a JSON object in each line, and in the first and the last a cursor: where it began, and
        /// where it ended
        #[arg(long)]
        json: bool,
    },
}

/// A place to begin, as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    Place(TailFrom),
    /// Read once, when it is needed: flags are read more than once.
    File(PathBuf),
}

impl Beginning {
    fn place(self) -> Result<TailFrom, String> {
        let file = match self {
            Self::Place(place) => return Ok(place),
            Self::File(file) => file,
        };
        let refused = |reason: String| format!("--from @{}: {reason}", file.display());
        let text =
            std::fs::read_to_string(&file).map_err(|failure| refused(failure.to_string()))?;
        place(&text).map_err(refused)
    }
}

fn from(text: &str) -> Result<Beginning, String> {
    match text.strip_prefix('@') {
        Some(file) => Ok(Beginning::File(file.into())),
        None => place(text).map(Beginning::Place),
    }
}

/// Reads a place to begin.
fn place(text: &str) -> Result<TailFrom, String> {
    let text = text.trim();
    match text {
        "start" => return Ok(TailFrom::Start),
        "now" => return Ok(TailFrom::Now),
        _ => {}
    }
    if let Ok(moment) = from_rfc3339(text) {
        return Ok(TailFrom::At(moment));
    }
    let cursor: Result<TailCursor, _> = text.parse();
    cursor.map(TailFrom::Cursor).map_err(|failure| {
        format!(
            "neither start, now, a moment such as 2026-11-22T21:00:00Z, nor a cursor: {failure}"
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(failure) => {
            return fail(
                &format!("the runtime does not start: {failure}"),
                CANNOT_READ,
            );
        }
    };
    let from = from.unwrap_or(Beginning::Place(TailFrom::Last(lines)));
    let from = match from.place() {
        Ok(from) => from,
        Err(line) => return fail(&line, CANNOT_READ),
    };
    let ended = runtime.block_on(tail(settings, &from, follow, json));
    // A write that nobody takes must not keep this process.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ended::ByReader) => ExitCode::SUCCESS,
        Err(Ended::Unwritable(failure)) => fail(
            &format!("the lines cannot be written: {failure}"),
            CANNOT_READ,
        ),
        Err(Ended::Tail(gap @ TailError::Gap { .. })) => fail(&gap.to_string(), GAP),
        Err(Ended::Tail(failure)) => fail(&failure.to_string(), CANNOT_READ),
        Err(Ended::NoSignals(failure)) => {
            fail(&format!("signals cannot be heard: {failure}"), CANNOT_READ)
        }
    }
}

/// Why it ended before its end.
enum Ended {
    /// The reader of the lines went away, which is his wish.
    ByReader,
    Unwritable(io::Error),
    NoSignals(io::Error),
    Tail(TailError),
}

impl From<TailError> for Ended {
    fn from(failure: TailError) -> Self {
        Self::Tail(failure)
    }
}

async fn tail(settings: &Settings, from: &TailFrom, follow: bool, json: bool) -> Result<(), Ended> {
    let mut stop = Stop::listen().map_err(Ended::NoSignals)?;
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
    /// Not written yet.
    lines: String,
}

impl Printer {
    async fn print(&mut self, follow: bool) -> Result<(), Ended> {
        self.add_cursor();
        let printed = self.print_events(follow).await;
        // What was handed out before a failure is told, with the place to go on from.
        if matches!(printed, Ok(()) | Err(Ended::Tail(_))) {
            self.add_cursor();
            self.write().await?;
        }
        printed
    }

    async fn print_events(&mut self, follow: bool) -> Result<(), Ended> {
        loop {
            match self.stop.or(self.tail.poll()).await {
                None => return Ok(()),
                Some(looked) => looked?,
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
            if !follow || self.stop.or(sleep(LOOK_EVERY)).await.is_none() {
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

    /// Writes what was added, on a thread of its own: a reader may take his time, and signals are heard
    /// meanwhile.
    async fn write(&mut self) -> Result<(), Ended> {
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
                Err(_) => return Err(Ended::ByReader),
            },
        };
        match written.expect("writing does not panic") {
            Ok(()) => Ok(()),
            Err(failure) if failure.kind() == ErrorKind::BrokenPipe => Err(Ended::ByReader),
            Err(failure) => Err(Ended::Unwritable(failure)),
        }
    }
}

/// Whether a signal has asked to end.
struct Stop(watch::Receiver<bool>);

impl Stop {
    fn listen() -> io::Result<Self> {
        let signals = Signals::listen()?;
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            signals.any().await;
            asked.send_replace(true);
        });
        Ok(Self(stop))
    }

    /// What `work` comes to, or `None` when it is asked to end first.
    async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.0.wait_for(|asked| *asked) => None,
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

/// One event in a line of JSON.
#[derive(Serialize)]
struct Line<'e> {
    shard: u16,
    position: Position,
    event_id: String,
    entity: String,
    id: String,
    version: Version,
    r#type: &'e str,
    at: String,
    command_id: String,
    /// As it stands in the journal, letter by letter.
    data: Box<RawValue>,
}

fn as_json(event: &RecordedEvent) -> String {
    let line = Line {
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
    fn a_place_to_begin_is_a_word_a_moment_a_cursor_or_a_file_with_one() {
        let moment = TailFrom::At(Timestamp::from_micros(1_000_000));
        let cursor: TailCursor = "3:17,5:2".parse().expect("a cursor");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "3:17,5:2\n").expect("written");
        let at_file = format!("@{}", file.path().display());
        for (text, expected) in [
            ("start", TailFrom::Start),
            ("now", TailFrom::Now),
            ("1970-01-01T00:00:01Z", moment.clone()),
            ("1970-01-01T01:00:01+01:00", moment),
            ("3:17,5:2", TailFrom::Cursor(cursor.clone())),
            (&at_file, TailFrom::Cursor(cursor)),
        ] {
            let read = from(text).and_then(Beginning::place);
            assert_eq!(read, Ok(expected), "{text}");
        }
        for (text, named) in [
            ("yesterday", "`yesterday`"),
            ("", "start, now, a moment"),
            ("@/nonexistent", "@/nonexistent: No such file"),
        ] {
            let refused = from(text).and_then(Beginning::place).expect_err("refused");
            assert!(refused.contains(named), "{refused}");
        }
    }
}
