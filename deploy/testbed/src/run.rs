//! Runs a program to its end within a limit, or with its output in a log.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::ServiceError;
use crate::wait::poll_until;

/// A log for the output of a program: what it holds already is kept.
pub(crate) fn append_to(log: &Path) -> Result<File, ServiceError> {
    let file = OpenOptions::new().create(true).append(true).open(log);
    file.map_err(ServiceError::io("write", log))
}

/// Runs a command and returns its stdout without the last line break.
///
/// # Errors
/// When it cannot be started, fails (with its stderr), or is killed at the limit.
pub(crate) fn to_end(
    command: &mut Command,
    what: &str,
    limit: Duration,
) -> Result<String, ServiceError> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| ServiceError::Io {
            what: format!("run {what}"),
            source,
        })?;
    let out = read(child.stdout.take());
    let err = read(child.stderr.take());
    let Some(status) = ended(&mut child, limit) else {
        // Both succeed on a child of this process.
        drop(child.kill());
        drop(child.wait());
        return Err(ServiceError::TooLate {
            what: what.to_owned(),
            limit,
        });
    };
    let (out, err) = (join(out), join(err));
    if status.success() {
        Ok(out.trim_end_matches('\n').to_owned())
    } else {
        Err(ServiceError::failed(
            what,
            format!("{status}: {}", err.trim()),
        ))
    }
}

/// Waits until a process has ended, for at most `limit`.
pub(crate) fn ended(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let mut status = None;
    poll_until(limit, || {
        // Waiting fails only when something else has waited for the child: then it has ended.
        status = child.try_wait().unwrap_or(Some(ExitStatus::default()));
        status.is_some()
    });
    status
}

/// Reads in a thread: a program that writes more than a pipe holds would never end.
fn read(from: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // What was read before a fault is still worth showing.
            drop(from.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn join(reader: JoinHandle<String>) -> String {
    reader.join().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Result<String, ServiceError> {
        to_end(Command::new("sh").args(["-c", script]), "sh", limit)
    }

    #[test]
    fn output_is_returned_on_success_and_failure() {
        let limit = Duration::from_secs(60);
        assert_eq!(sh("echo a; echo b", limit).unwrap(), "a\nb");
        let failed = sh("echo a; echo why >&2; exit 3", limit).unwrap_err();
        assert_eq!(failed.to_string(), "sh failed: exit status: 3: why");
        let much = sh("head -c 300000 /dev/zero | tr '\\0' x", limit).unwrap();
        assert_eq!(much.len(), 300_000);
    }

    #[test]
    fn program_is_killed_at_its_limit() {
        let late = sh("exec sleep 3600", Duration::from_millis(20)).unwrap_err();
        assert!(matches!(late, ServiceError::TooLate { .. }), "{late}");
    }
}
