//! `fritzy restore`: puts a backup in the place of the database, as a new generation.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use fritzy_persistence::{
    BackupError, DatabaseContents, LostRange, PostgresRestore, Replaced, RestoreReport,
    SqliteRestore, describe_lost, raise_postgres_generation, raise_sqlite_generation,
    restore_postgres, restore_sqlite,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::backup::STREAM;
use super::output::{fail, out};
use super::until_signal::{blocking_until_signal, until_signal};
use crate::settings::Settings;

/// Version of the JSON object: raised by incompatible changes.
const SCHEMA_VERSION: u32 = 1;

/// Put a backup in the place of the database, and begin a new generation
///
/// No node may run on the database meanwhile. The backup is checked first. Events that the replaced
/// database had and the backup lacks are lost: they are counted and named by shard and position,
/// and consumers on Kafka get a marker (docs/concepts/generations.md). docs/operations/backup.md
/// describes it. Exit code 0: restored; 1: it failed, and the database is unchanged, unless the
/// error says otherwise.
#[derive(Args)]
pub(super) struct RestoreCommand {
    /// The file of `fritzy backup`, or - for stdin
    #[arg(value_name = "FILE|-", required_unless_present = "generation_only")]
    backup: Option<PathBuf>,

    /// Restore nothing: begin a new generation in a database that was restored by other means
    /// (recovery to a point in time, a snapshot of the disk) while its nodes were stopped
    #[arg(long, conflicts_with = "backup")]
    generation_only: bool,

    /// SQLite: discard the replaced file instead of keeping it as fritzy.db.before-restore-TIME
    #[arg(long, conflicts_with = "generation_only")]
    discard_replaced: bool,

    /// PostgreSQL: replace the database of Fritzy that is there; an empty one needs no flag
    #[arg(long, conflicts_with = "generation_only")]
    replace: bool,

    /// PostgreSQL: restore under running nodes, which notice it and start over; requests fail
    /// meanwhile
    #[arg(long, conflicts_with = "generation_only")]
    while_nodes_run: bool,

    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &RestoreCommand, settings: &Settings) -> ExitCode {
    let restored = match &command.backup {
        Some(backup) => restore(command, settings, backup),
        None => raise_generation(settings),
    };
    match restored {
        Ok(report) if command.json => out(&format!("{}\n", as_json(settings, &report))),
        Ok(report) => out(&as_text(settings, &report)),
        Err(line) => fail(&line, 1),
    }
}

fn raise_generation(settings: &Settings) -> Result<RestoreReport, String> {
    let raising = async {
        match &settings.database_url {
            Some(url) => raise_postgres_generation(url.secret(), settings.database_unsafe).await,
            None => raise_sqlite_generation(&settings.database()).await,
        }
    };
    let raised: Result<DatabaseContents, BackupError> = until_signal(raising)?;
    let contents = raised.map_err(|failure| failure.to_string())?;
    Ok(RestoreReport {
        contents,
        replaced: Replaced::ByOtherMeans,
    })
}

fn restore(
    command: &RestoreCommand,
    settings: &Settings,
    backup: &Path,
) -> Result<RestoreReport, String> {
    let folder = match settings.database_url {
        // The database is elsewhere.
        Some(_) => &std::env::temp_dir(),
        None => &settings.data_dir,
    };
    fs::create_dir_all(folder)
        .map_err(|failure| format!("the folder {}: {failure}", folder.display()))?;
    let streamed;
    let shown = match backup.as_os_str() == STREAM {
        false => backup.display().to_string(),
        true => "from stdin".to_owned(),
    };
    let backup = match backup.as_os_str() == STREAM {
        false => backup.to_owned(),
        true => {
            // Where there must be room for it anyway.
            streamed = read_stdin(folder)?;
            streamed.path().join(STREAMED)
        }
    };
    let restoring = async {
        match &settings.database_url {
            Some(url) => {
                let config = PostgresRestore {
                    url: url.secret().to_owned(),
                    backup,
                    replace: command.replace,
                    while_nodes_run: command.while_nodes_run,
                    allow_unsafe: settings.database_unsafe,
                };
                restore_postgres(&config).await
            }
            None => {
                let config = SqliteRestore {
                    backup,
                    backup_shown: shown,
                    file: settings.database(),
                    discard_replaced: command.discard_replaced,
                };
                restore_sqlite(&config).await
            }
        }
    };
    let restored: Result<RestoreReport, BackupError> = until_signal(restoring)?;
    restored.map_err(|failure| failure.to_string())
}

const STREAMED: &str = "stdin";

fn read_stdin(folder: &Path) -> Result<TempDir, String> {
    let failed = |failure: io::Error| format!("cannot read the backup from stdin: {failure}");
    let folder = TempDir::with_prefix_in(".restore-", folder).map_err(failed)?;
    let mut file = File::create(folder.path().join(STREAMED)).map_err(failed)?;
    let copied = blocking_until_signal(move || io::copy(&mut io::stdin().lock(), &mut file))?;
    copied.map_err(failed).map(|_| folder)
}

fn as_text(settings: &Settings, report: &RestoreReport) -> String {
    let DatabaseContents {
        events,
        shards,
        generation,
    } = report.contents;
    let mut text = format!(
        "{}: {events} events, {shards} shards; generation {generation} begins\n",
        settings.database_shown()
    );
    let known = report.replaced.lost().unwrap_or_default();
    let lost: u64 = known.iter().map(|range| range.events()).sum();
    match &report.replaced {
        Replaced::Nothing => {}
        Replaced::ByOtherMeans => {
            text.push_str("lost: unknown, since the database was restored by other means\n");
        }
        Replaced::Database {
            contents,
            lost: ranges,
            ..
        } if lost > 0 => {
            text.push_str(&format!(
                "lost: {lost} of the {} events of the replaced database (shard:positions): {}\n",
                contents.events,
                describe_lost(ranges)
            ));
        }
        Replaced::Database { contents, .. } => text.push_str(&format!(
            "lost: none of the {} events of the replaced database\n",
            contents.events
        )),
        Replaced::Unreadable { reason, .. } => text.push_str(&format!(
            "lost: unknown, since the replaced database cannot be read ({reason})\n"
        )),
    }
    if settings.kafka().is_some() {
        text.push_str(
            "kafka: topics that another copy of the database has filled since the backup are published to only after \
             `fritzy projections adopt kafka`\n",
        );
    }
    if let Some(kept) = kept_as(&report.replaced) {
        text.push_str(&format!("replaced: kept as {}\n", kept.display()));
    }
    text
}

const fn kept_as(replaced: &Replaced) -> Option<&PathBuf> {
    match replaced {
        Replaced::Nothing | Replaced::ByOtherMeans => None,
        Replaced::Database { kept_as, .. } | Replaced::Unreadable { kept_as, .. } => {
            kept_as.as_ref()
        }
    }
}

fn as_json(settings: &Settings, report: &RestoreReport) -> Value {
    let contents = |contents: &DatabaseContents| {
        json!({
            "events": contents.events,
            "shards": contents.shards,
            "generation": contents.generation,
        })
    };
    let range = |range: &LostRange| json!({ "shard": range.shard.0, "kept": range.kept, "lost": range.lost });
    let lost = report.replaced.lost();
    let lost: Option<Vec<Value>> = lost.map(|lost| lost.iter().map(range).collect());
    let replaced = match &report.replaced {
        Replaced::Nothing | Replaced::ByOtherMeans => Value::Null,
        Replaced::Database { contents: had, .. } => contents(had),
        Replaced::Unreadable { reason, .. } => json!({ "unreadable": reason }),
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "database": settings.database_shown(),
        "restored": contents(&report.contents),
        "replaced": replaced,
        "kept_as": kept_as(&report.replaced),
        "lost": lost,
    })
}
