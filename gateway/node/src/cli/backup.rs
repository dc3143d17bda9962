//! `fritzy backup`: a checked copy of the database, next to running nodes or without them.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use fritzy_persistence::{
    BackupError, DatabaseContents, backup_postgres, backup_sqlite, file_time, free_path,
};
use serde_json::json;

use super::output::{fail, out, report};
use super::until_signal::{blocking_until_signal, until_signal};
use crate::settings::Settings;

/// Stands for stdout as a target, and for stdin as a source.
pub(super) const STREAM: &str = "-";
/// Version of the JSON object: raised by incompatible changes.
const SCHEMA_VERSION: u32 = 1;

/// Copy the database into a file, next to running nodes or without them
///
/// The copy is one state of the database, whatever is written meanwhile. It is read once to check
/// it, synced, and appears under its name complete or not at all. Only its owner may read it.
/// Restore it with `fritzy restore`. With --database-url it is made by pg_dump, in its custom
/// format. docs/operations/backup.md describes both. Exit code 0: the
/// backup is there; 1: it failed; nothing was changed.
#[derive(Args)]
pub(super) struct BackupCommand {
    /// A folder, in which the file is named by the time; a file; or - for stdout
    #[arg(value_name = "DIR|FILE|-")]
    target: PathBuf,

    /// Replace an existing file
    #[arg(long)]
    force: bool,

    /// Print one JSON object instead of a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &BackupCommand, settings: &Settings) -> ExitCode {
    let is_stream = command.target.as_os_str() == STREAM;
    let backed_up = match is_stream {
        true => to_stdout(settings),
        false => {
            let target = match command.target.is_dir() {
                true => {
                    let (name, end) = file_name(settings);
                    free_path(&command.target, &name, end, |path| {
                        path.symlink_metadata().is_ok()
                    })
                }
                false => command.target.clone(),
            };
            back_up(settings, &target, command.force).map(|(contents, bytes)| Copy {
                file: Some(target),
                contents,
                bytes,
            })
        }
    };
    let copy = match backed_up {
        Ok(copy) => copy,
        Err(line) => return fail(&line, 1),
    };
    let text = match command.json {
        true => format!("{}\n", copy.as_json()),
        false => copy.as_text(),
    };
    // Stdout has the backup itself.
    match is_stream {
        true => report(&text),
        false => out(&text),
    }
}

/// A backup that was made.
struct Copy {
    /// `None` on stdout.
    file: Option<PathBuf>,
    contents: DatabaseContents,
    bytes: u64,
}

impl Copy {
    fn as_text(&self) -> String {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let DatabaseContents {
            events,
            shards,
            generation,
        } = self.contents;
        format!(
            "{}: {events} events, {shards} shards, generation {generation}, {} bytes\n",
            file.as_deref().unwrap_or("stdout"),
            self.bytes
        )
    }

    fn as_json(&self) -> serde_json::Value {
        json!({
            "schema_version": SCHEMA_VERSION,
            "file": self.file,
            "events": self.contents.events,
            "shards": self.contents.shards,
            "generation": self.contents.generation,
            "bytes": self.bytes,
        })
    }
}

/// The name of a backup that is made now, and the end of that name.
fn file_name(settings: &Settings) -> (String, &'static str) {
    let end = match settings.database_url {
        Some(_) => ".dump",
        None => ".db",
    };
    (format!("fritzy-{}", file_time()), end)
}

fn back_up(
    settings: &Settings,
    target: &Path,
    force: bool,
) -> Result<(DatabaseContents, u64), String> {
    let working = async {
        match &settings.database_url {
            Some(url) => backup_postgres(url.secret(), target, force).await,
            None => backup_sqlite(&settings.database(), target, force).await,
        }
    };
    until_signal(working)?.map_err(|failure: BackupError| failure.to_string())
}

/// Makes the backup in the temporary folder, and writes it to stdout once it is checked.
fn to_stdout(settings: &Settings) -> Result<Copy, String> {
    let failed = |failure: io::Error| format!("the temporary folder cannot be used: {failure}");
    let folder = tempfile::tempdir().map_err(failed)?;
    let (name, end) = file_name(settings);
    let target = folder.path().join(format!("{name}{end}"));
    let (contents, bytes) = back_up(settings, &target, false)?;
    let mut file = File::open(&target).map_err(failed)?;
    let written = blocking_until_signal(move || {
        let mut stdout = io::stdout().lock();
        let copied = io::copy(&mut file, &mut stdout)?;
        stdout.flush().map(|()| copied)
    })?;
    // A reader that has closed the pipe has no backup.
    let written = written.map_err(|failure| format!("cannot write the backup: {failure}"))?;
    debug_assert_eq!(written, bytes, "the file is complete");
    Ok(Copy {
        file: None,
        contents,
        bytes,
    })
}
