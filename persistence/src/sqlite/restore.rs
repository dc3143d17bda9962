//! Puts a backup in the place of a file, as a new generation of it.
//!
//! No node opens anything between the old file and the new generation: the lock of a node is held,
//! and the generation begins in a temporary file that takes the place of the old one.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteJournalMode;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::backup::{check_version, copy, damaged, failed, is_same};
use super::contents::{find_damage, read_contents, read_heads};
use super::error::{ReadOnlyError, connect_error};
use super::file_lock::{FileLock, LockError, beside};
use super::generations::{LookStatements, begin, first_or_newest, look, newest};
use super::leftover_log::{LeftoverLog, has_commits};
use super::mark::Mark;
use super::migrations::MIGRATIONS;
use super::options::connect_options;
use super::read_only::{ReadOnly, UnknownSteps, check_schema};
use crate::backups::{
    BackupError, DatabaseContents, NewFile, Replaced, RestoreReport, file_time, folder_of,
    free_path, sync_folder,
};
use crate::continuity::{Cause, GenerationId, KnownHead, LostRange};
use crate::open_error::OpenError;

/// As SQLite creates its files; the umask decides who else may read it.
const MODE: u32 = 0o644;
/// What SQLite keeps beside a file. Left beside another one it would be applied to that.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What to restore, and where.
#[derive(Clone, Debug)]
pub struct SqliteRestore {
    /// The file of the backup, which is only read.
    pub backup: PathBuf,
    /// What messages call it: its path, or `from stdin`.
    pub backup_shown: String,
    /// The database file, whose folder must exist.
    pub file: PathBuf,
    /// Whether to discard the database that is there, instead of keeping it beside.
    pub discard_replaced: bool,
}

/// Puts a backup in the place of a database and begins a new generation in it. No node may run on
/// it.
///
/// # Errors
/// [`BackupError`] when the backup is damaged or not one of Fritzy, when a node runs, and when the
/// disk fails. The database is unchanged then.
pub fn restore_sqlite(config: &SqliteRestore) -> BoxFuture<'_, Result<RestoreReport, BackupError>> {
    // Boxed, so that it is compiled here and not in every crate that calls it (ADR 0040).
    Box::pin(restore(config))
}

/// Begins a new generation in a file that was put there by other means. No node may run on it.
/// Returns what it has.
///
/// # Errors
/// [`BackupError`] when the file is missing or damaged, and when a node runs.
pub fn raise_sqlite_generation(
    file: &Path,
) -> BoxFuture<'_, Result<DatabaseContents, BackupError>> {
    Box::pin(async move {
        if !file.exists() {
            // The lock would create it.
            let missing = ReadOnlyError::Missing {
                file: file.to_owned(),
            };
            return Err(OpenError::from(missing).into());
        }
        let lock = lock(file)?;
        // Refuses foreign files before anything is changed.
        let (opened, mut connection) = ReadOnly::open(file).await.map_err(OpenError::from)?;
        let checked = check_sound(&mut connection, file).await;
        opened.close(connection).await;
        if let Some(reason) = checked? {
            return Err(damaged(file, reason));
        }
        let (contents, _) = begin_generation(file, SqliteJournalMode::Wal, None, 0).await?;
        mark(lock.database(), contents.generation);
        Ok(contents)
    })
}

async fn restore(config: &SqliteRestore) -> Result<RestoreReport, BackupError> {
    let (backup, shown) = (&config.backup, &*config.backup_shown);
    if is_same(backup, &config.file) {
        return Err(BackupError::Itself(backup.clone()));
    }
    let lock = lock(&config.file)?;
    let file = lock.database();
    let named = |failure: ReadOnlyError| of_backup(shown, failure);
    let (opened, mut connection) = ReadOnly::open(backup).await.map_err(named)?;
    let checked = match check_schema(&mut connection, backup, &[], UnknownSteps::Accepted).await {
        Ok(()) | Err(ReadOnlyError::Older { .. }) => find_damage(&mut connection)
            .await
            .map_err(|failure| named(connect_error(backup, &failure))),
        Err(failure) => Err(named(failure)),
    };
    opened.close(connection).await;
    if let Some(reason) = checked? {
        return Err(damaged_backup(shown, reason));
    }
    let new = NewFile::beside(file, MODE).map_err(BackupError::io(file))?;
    copy(backup, new.path()).await?;
    let old = Old::find(&lock).await.map_err(BackupError::io(file))?;
    let (known, beyond) = match &old {
        Some(Ok(old)) => (Some(old), 0),
        Some(Err(_)) => (None, beyond_unreadable(file).await),
        None => (None, 0),
    };
    let begun = begin_generation(new.path(), SqliteJournalMode::Delete, known, beyond);
    let (contents, lost) = begun.await?;
    let mut kept_as = None;
    // From here on without an await, so that a signal comes before it or after it.
    if old.is_some() {
        keep_owner(file, new.path()).map_err(BackupError::io(file))?;
        if !config.discard_replaced {
            kept_as = Some(free_name_aside(file));
        }
        set_aside(file, kept_as.as_deref())?;
    }
    new.place(true).map_err(BackupError::io(file))?;
    mark(file, contents.generation);
    let replaced = match old {
        None => Replaced::Nothing,
        Some(Ok(old)) => Replaced::Database {
            contents: old.contents,
            lost,
            kept_as,
        },
        Some(Err(reason)) => Replaced::Unreadable { reason, kept_as },
    };
    Ok(RestoreReport { contents, replaced })
}

fn lock(file: &Path) -> Result<FileLock, BackupError> {
    FileLock::acquire(file).map_err(|failure| match failure {
        LockError::Held(holder) => BackupError::InUse {
            file: file.to_owned(),
            holder,
        },
        LockError::Io(failure) => BackupError::Io {
            file: file.to_owned(),
            failure,
        },
    })
}

/// Refuses a foreign or newer file. Returns what is damaged in it.
async fn check_sound(
    connection: &mut SqliteConnection,
    file: &Path,
) -> Result<Option<String>, BackupError> {
    check_version(connection, file).await?;
    let damage = find_damage(connection).await;
    damage.map_err(|failure| failed(file, &failure))
}

/// The error of a backup that cannot be opened: the remedies differ from those of a database.
fn of_backup(shown: &str, failure: ReadOnlyError) -> BackupError {
    let backup = shown.to_owned();
    match failure {
        ReadOnlyError::Missing { .. } => BackupError::NoBackup(backup),
        ReadOnlyError::Foreign { reason, .. } => BackupError::ForeignBackup { backup, reason },
        ReadOnlyError::Newer { reason, .. } => BackupError::NewerBackup { backup, reason },
        ReadOnlyError::Damaged { reason, .. } => damaged_backup(shown, reason),
        ReadOnlyError::Unreadable { reason, .. }
        | ReadOnlyError::Locked { reason, .. }
        | ReadOnlyError::Older { reason, .. } => BackupError::UnreadableBackup { backup, reason },
    }
}

fn damaged_backup(shown: &str, reason: String) -> BackupError {
    BackupError::Damaged {
        backup: shown.to_owned(),
        reason,
    }
}

/// Says beside a database that a shop is there, and that no damage is known of it.
fn mark(database: &Path, generation: u64) {
    let mark = Mark {
        generation,
        damage: None,
    };
    // The database is there, and its next start writes the mark as well.
    let _ = mark.write(database);
}

/// More generations than a shop begins: each stands for a restore, a promotion or an adoption by an
/// operator.
const GENERATIONS_UNSEEN_MAX: u64 = 1_000;

/// No shop has begun so many.
const GENERATION_MAX: u64 = 1 << 32;

/// A number that the generation of a database which cannot be read did not have, as far as anything
/// tells: its mark, and whatever of it can be read.
async fn beyond_unreadable(file: &Path) -> u64 {
    let marked = Mark::read(file).ok().flatten().unwrap_or_default();
    let reading = async {
        let (opened, mut connection) = ReadOnly::open(file).await.ok()?;
        let found = newest(&mut connection).await;
        opened.close(connection).await;
        Some(found.ok()?.number)
    };
    // What is read from a damaged page may be anything.
    let found = reading.await.filter(|number| *number < GENERATION_MAX);
    found.unwrap_or_default().max(marked.generation) + GENERATIONS_UNSEEN_MAX
}

/// What the database that is to be replaced has.
struct Old {
    contents: DatabaseContents,
    generation: Option<GenerationId>,
    heads: Vec<KnownHead>,
}

impl Old {
    /// Reads what is there. `None` if nothing was there, or an error that says why nothing is known
    /// of it.
    ///
    /// # Errors
    /// When the system does not say what is there.
    async fn find(lock: &FileLock) -> io::Result<Option<Result<Self, String>>> {
        let file = lock.database();
        let (mark, log) = (Mark::read(file)?, beside(file, "-wal"));
        if lock.has_created() {
            let is_missed = mark.is_some() || has_commits(&log)?;
            return Ok(is_missed.then(|| Err("it is missing".to_owned())));
        }
        // What can be read of them need not be all that they had.
        if let Some(damage) = mark.and_then(|mark| mark.damage) {
            return Ok(Some(Err(format!("a node had found it damaged: {damage}"))));
        }
        if LeftoverLog::beside(file, &log)? == LeftoverLog::Doubtful {
            return Ok(Some(Err("it was changed after its log".to_owned())));
        }
        Ok(Some(Self::read(file).await))
    }

    /// Reads it. An error says why it cannot be read; it is unchanged then.
    async fn read(file: &Path) -> Result<Self, String> {
        let opened = ReadOnly::open(file).await;
        let (opened, mut connection) = opened.map_err(ReadOnlyError::into_reason)?;
        let reading = async {
            let contents = read_contents(&mut connection).await?;
            let generation = match contents.generation {
                1 => None,
                _ => Some(newest(&mut connection).await?),
            };
            let heads = read_heads(&mut connection).await?;
            Ok::<_, sqlx::Error>(Self {
                contents,
                generation,
                heads,
            })
        };
        let read = reading.await;
        opened.close(connection).await;
        let read = read.map_err(|failure| failure.to_string())?;
        // Then it is one file, and the new one takes its place at once.
        let folded = fold_log(file).await;
        folded.map(|()| read).map_err(|failure| failure.to_string())
    }
}

/// Moves the log of a sound file into it: the last connection that may write does.
async fn fold_log(file: &Path) -> Result<(), sqlx::Error> {
    let options = connect_options(file).create_if_missing(false);
    let mut connection = options.connect().await?;
    // A connection opens the log at its first read.
    sqlx::query("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut connection)
        .await?;
    connection.close().await
}

/// Brings the schema up to date and begins a new generation, numbered above `beyond`. Returns what
/// the file has, and what of `old` it lacks.
async fn begin_generation(
    file: &Path,
    journal_mode: SqliteJournalMode,
    old: Option<&Old>,
    beyond: u64,
) -> Result<(DatabaseContents, Vec<LostRange>), BackupError> {
    let write_failed = |failure: sqlx::Error| failed(file, &failure);
    let options = connect_options(file).create_if_missing(false);
    let opened = options.journal_mode(journal_mode).connect().await;
    let mut connection = opened.map_err(write_failed)?;
    let migrated = MIGRATIONS.run_direct(None, &mut connection, false).await;
    migrated.map_err(|failure| BackupError::Copy {
        file: file.to_owned(),
        reason: failure.to_string(),
    })?;
    let contents = read_contents(&mut connection).await.map_err(write_failed)?;
    if let Some(old) = old
        && old.contents.shards != contents.shards
    {
        return Err(BackupError::OtherShardCount {
            backup: contents.shards,
            replaced: old.contents.shards,
        });
    }
    let begun = async {
        let found = first_or_newest(&mut connection).await?;
        let mut known = old.and_then(|old| old.generation).unwrap_or(found);
        known.number = known.number.max(beyond);
        let heads = old.map_or(&[][..], |old| &old.heads);
        let sighting = look(&mut connection, &LookStatements::new(), heads, &[]).await?;
        begin(
            &mut connection,
            found,
            known,
            &sighting.missing,
            Cause::Restored,
        )
        .await
    };
    let (generation, lost) = begun.await.map_err(write_failed)?;
    connection.close().await.map_err(write_failed)?;
    let contents = DatabaseContents {
        generation: generation.number,
        ..contents
    };
    Ok((contents, lost))
}

/// The node that had the old file must be able to open the new one.
fn keep_owner(old: &Path, new: &Path) -> io::Result<()> {
    let (was, is) = (fs::metadata(old)?, fs::metadata(new)?);
    if (was.uid(), was.gid()) != (is.uid(), is.gid()) {
        chown(new, Some(was.uid()), Some(was.gid()))?;
    }
    fs::set_permissions(new, was.permissions())
}

/// A name for the replaced file; none of the names that begin with it is taken.
fn free_name_aside(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{name}.before-restore-{}", file_time());
    free_path(folder_of(file), &name, "", |kept| {
        let ends = [""].into_iter().chain(BESIDE);
        ends.into_iter()
            .any(|end| beside(kept, end).symlink_metadata().is_ok())
    })
}

/// Gives the file and what is beside it second names that begin with `kept`, then removes what is
/// beside it. The file itself stays until the new one takes its place.
fn set_aside(file: &Path, kept: Option<&Path>) -> Result<(), BackupError> {
    if let Some(kept) = kept {
        fs::hard_link(file, kept).map_err(BackupError::io(kept))?;
        for end in BESIDE {
            let (from, to) = (beside(file, end), beside(kept, end));
            match fs::hard_link(&from, &to) {
                Err(failure) if failure.kind() != io::ErrorKind::NotFound => {
                    return Err(BackupError::io(&to)(failure));
                }
                Ok(()) | Err(_) => {}
            }
        }
        sync_folder(file).map_err(BackupError::io(file))?;
    }
    for end in BESIDE {
        let old = beside(file, end);
        match fs::remove_file(&old) {
            Err(failure) if failure.kind() != io::ErrorKind::NotFound => {
                return Err(BackupError::io(&old)(failure));
            }
            Ok(()) | Err(_) => {}
        }
    }
    // Before the new file is there: a crash must not leave it beside the log of the old one.
    sync_folder(file).map_err(BackupError::io(file))
}
