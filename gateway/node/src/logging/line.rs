//! Lines that logging itself makes, in the format of the log.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};

/// Bytes of one line. Most have hundreds, backtraces tens of thousands; a longer line is cut, so
/// that it does not take the room of all others.
pub(super) const LINE_BYTES_MAX: usize = 64 << 10;

/// The target of these lines.
const TARGET: &str = "fritzy_node::logging";

/// The format of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl LineFormat {
    /// One line, with its line break.
    pub(super) fn line(self, level: &str, message: &str, fields: &[(&str, Value)]) -> Vec<u8> {
        let mut timestamp = String::new();
        // A string takes everything.
        let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
        let mut line = match self {
            Self::Text => {
                let fields: String = fields
                    .iter()
                    .map(|(name, value)| format!(" {name}={value}"))
                    .collect();
                format!("{timestamp} {level:>5} {TARGET}: {message}{fields}")
            }
            Self::Json => {
                let mut object = Map::new();
                let own = [
                    ("timestamp", json!(timestamp)),
                    ("level", json!(level)),
                    ("target", json!(TARGET)),
                    ("message", json!(message)),
                ];
                for (name, value) in own.iter().chain(fields) {
                    object.insert((*name).to_owned(), value.clone());
                }
                Value::Object(object).to_string()
            }
        };
        line.push('\n');
        line.into_bytes()
    }

    /// The line itself, or its beginning in another one if it is longer than [`LINE_BYTES_MAX`].
    pub(super) fn cut(self, line: &[u8]) -> Cow<'_, [u8]> {
        if line.len() <= LINE_BYTES_MAX {
            return Cow::Borrowed(line);
        }
        // As a string in JSON, it can take twice its length.
        let beginning = String::from_utf8_lossy(&line[..LINE_BYTES_MAX / 2]);
        let fields = [
            ("bytes", json!(line.len())),
            ("beginning", json!(beginning)),
        ];
        Cow::Owned(self.line("WARN", "a log line was too long", &fields))
    }
}
