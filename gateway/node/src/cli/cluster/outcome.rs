//! Outcomes of `fritzy cluster`: exit code, and what is printed.

use std::io::{self, ErrorKind, Write};

use super::client::{AdminClientError, AdminResponse};

/// Exit code when the cluster is not, or not yet, in the requested state.
pub(super) const NOT_YET: u8 = 1;
/// Exit code when no node can be called, or the request is invalid.
pub(super) const CANNOT: u8 = 2;

/// The outcome of a command.
pub(super) struct Outcome {
    pub(super) code: u8,
    /// Printed to stderr at the end; `None` prints nothing.
    pub(super) line: Option<String>,
}

impl Outcome {
    pub(super) const SUCCESS: Self = Self {
        code: 0,
        line: None,
    };

    pub(super) fn with(code: u8, line: impl Into<String>) -> Self {
        let line = Some(line.into());
        Self { code, line }
    }
}

impl From<AdminClientError> for Outcome {
    fn from(error: AdminClientError) -> Self {
        let code = if error.is_conflict() { NOT_YET } else { CANNOT };
        Self::with(code, error.to_string())
    }
}

impl From<io::Error> for Outcome {
    fn from(failure: io::Error) -> Self {
        match failure.kind() {
            // The reader closed the pipe.
            ErrorKind::BrokenPipe => Self::SUCCESS,
            _ => Self::with(CANNOT, format!("cannot write: {failure}")),
        }
    }
}

/// A response as JSON, or as text.
pub(super) fn render<T>(
    response: &AdminResponse<T>,
    json: bool,
    text: impl Fn(&T) -> String,
) -> String {
    if json {
        response.text.clone()
    } else {
        text(&response.view)
    }
}

/// Writes on a blocking thread: the reader may be slow, and signals are received meanwhile.
pub(super) async fn print(text: String) -> Result<(), Outcome> {
    let writing = tokio::task::spawn_blocking(move || {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    });
    Ok(writing.await.expect("writing does not panic")?)
}
