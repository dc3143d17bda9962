//! Why a database was not backed up or not restored.

use std::io;
use std::path::{Path, PathBuf};

use crate::open_error::OpenError;

/// Why a database was not backed up, or not restored. Nothing was changed, unless the text says so.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database or the backup cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The target exists.
    #[error("{} exists. Name another file, or replace it with --force", .0.display())]
    Exists(PathBuf),
    /// The target of a backup, or the backup to be restored, is the database itself.
    #[error("{} is the database itself, or one of its files. Name another file", .0.display())]
    Itself(PathBuf),
    /// The target of a backup is something else than a file or a folder.
    #[error("{} is not a regular file, and is not replaced. Name a file or a folder, or - for stdout", .0.display())]
    Irregular(PathBuf),
    /// The target of a backup is in a folder that does not exist.
    #[error("{}: there is no such folder. Create it first", .0.display())]
    NoFolder(PathBuf),
    /// There is no such backup.
    #[error("there is no backup {0}. Name a file that `fritzy backup` has made")]
    NoBackup(String),
    /// The file to be restored is not a backup.
    #[error(
        "the file {backup} is not a backup of fritzy: {reason}. Name a file that `fritzy backup` has made"
    )]
    ForeignBackup {
        /// What the command calls it, such as its path, or `from stdin`.
        backup: String,
        /// What is wrong with it, as a clause.
        reason: String,
    },
    /// The backup was made by a newer version.
    #[error(
        "the backup {backup} was made by a newer version of fritzy ({reason}). Restore it with that version"
    )]
    NewerBackup {
        /// What the command calls it, such as its path, or `from stdin`.
        backup: String,
        /// The unknown migration, as a clause.
        reason: String,
    },
    /// The backup cannot be read.
    #[error("the backup {backup} cannot be read: {reason}")]
    UnreadableBackup {
        /// What the command calls it, such as its path, or `from stdin`.
        backup: String,
        /// The message of the system or of SQLite.
        reason: String,
    },
    /// The database that is to be backed up, or continued, is damaged.
    #[error("the database {} is damaged: {reason}. Check the disk, and restore a backup with `fritzy restore`", file.display())]
    DamagedDatabase {
        /// The database file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {failure}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        failure: io::Error,
    },
    /// The database cannot be copied.
    #[error("{} cannot be copied: {reason}", file.display())]
    Copy {
        /// The file that was to be copied.
        file: PathBuf,
        /// The message of SQLite.
        reason: String,
    },
    /// A backup is damaged.
    #[error("the backup {backup} is damaged: {reason}. Use another backup")]
    Damaged {
        /// What the command calls it, such as its path, or `from stdin`.
        backup: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A node uses the database that is to be replaced.
    #[error(
        "the database {} is in use by another process{}. Stop that node first",
        file.display(), holder.map(|pid| format!(" (process id {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The database file.
        file: PathBuf,
        /// Process id of the other process, if known.
        holder: Option<u32>,
    },
    /// A program of PostgreSQL is not installed.
    #[error(
        "{0} is not installed: neither on the PATH nor in /usr/lib/postgresql. Install PostgreSQL's client (Debian: \
         postgresql-client), or use physical backups: docs/operations/backup.md"
    )]
    NoProgram(&'static str),
    /// A program of PostgreSQL has failed.
    #[error("{program} failed: {reason}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What it has said.
        reason: String,
    },
    /// The database to be restored into has data.
    #[error(
        "the database {server} is one of fritzy, with {events} events. Replace it with --replace; back it up first if \
         you may need it"
    )]
    NeedsReplace {
        /// Address of the server.
        server: String,
        /// Events in its journal.
        events: u64,
    },
    /// The backup was restored, and no generation has begun.
    #[error(
        "the backup was restored, but no new generation has begun: {reason}. Run `fritzy restore --generation-only` \
         before you start nodes"
    )]
    NotRaised {
        /// What has failed.
        reason: String,
    },
    /// The backup is of a database with another number of shards.
    #[error(
        "the backup has {backup} shards, the database in its place {replaced}: it is a backup of another database. To \
         restore it nevertheless, move that database away first"
    )]
    OtherShardCount {
        /// Number of shards in the backup.
        backup: u64,
        /// Number of shards of the database that would be replaced.
        replaced: u64,
    },
}

impl BackupError {
    /// For failures of the operating system with `file`.
    pub(crate) fn io(file: &Path) -> impl Fn(io::Error) -> Self {
        move |failure| match failure.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists(file.to_owned()),
            _ => Self::Io {
                file: file.to_owned(),
                failure,
            },
        }
    }
}
