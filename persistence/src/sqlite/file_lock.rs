//! Keeps a database for one process, by two locks that the kernel releases however the process
//! ends.
//!
//! One is on a file beside the database, which holds the process id for messages. The other is on
//! the database file itself, so that a second process is rejected also when the first file was
//! deleted, and by whatever name or link it opens the database. Both are of the kind `flock`, which
//! does not interfere with the locks of SQLite (`fcntl`).

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::backups::folder_of;

/// The locks of a database file.
pub(super) struct FileLock {
    /// Held before SQLite opens the file, and until it has closed it: closing any handle of a file
    /// releases SQLite's locks on it.
    database: LockedFile,
    beside: LockedFile,
    /// The write-ahead log, once it was seen: commits that are acknowledged may only be there.
    log: Option<(PathBuf, FileId)>,
    /// Whether the database was missing, so that locking it created it.
    has_created: bool,
    /// Whether the file system keeps the ids of files; otherwise they cannot be compared.
    has_stable_ids: bool,
}

/// A locked file, by the name under which it was opened.
struct LockedFile {
    path: PathBuf,
    file: File,
    is_new: bool,
}

/// What is wrong with the files of a running node.
pub(super) enum FileTrouble {
    /// They are gone; a sentence.
    Lost(String),
    /// The log is gone, and with it what was not in the file yet; a sentence.
    LogLost(String),
    /// They are damaged; a clause.
    Damaged(String),
}

/// Device and inode.
type FileId = (u64, u64);

/// Why the lock was not acquired.
pub(super) enum LockError {
    /// Another process holds it; with its process id, if that could be read.
    Held(Option<u32>),
    /// A file cannot be created or locked.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(failure: io::Error) -> Self {
        Self::Io(failure)
    }
}

impl FileLock {
    /// Locks a database file, which is created if it is missing.
    pub(super) fn acquire(database: &Path) -> Result<Self, LockError> {
        let database = resolve(database)?;
        let mut beside = LockedFile::acquire(&beside(&database, ".lock"))?;
        let database = LockedFile::acquire(&database).map_err(|failure| match failure {
            // The file beside it was deleted or is another one; its holder is unknown.
            LockError::Held(_) => LockError::Held(None),
            other => other,
        })?;
        beside.write_process_id()?;
        Ok(Self {
            has_created: database.is_new,
            has_stable_ids: database.is_in_place() && beside.is_in_place(),
            database,
            beside,
            log: None,
        })
    }

    /// The database file, without symbolic links in its path.
    pub(super) fn database(&self) -> &Path {
        &self.database.path
    }

    /// Whether the database was missing.
    pub(super) const fn has_created(&self) -> bool {
        self.has_created
    }

    /// Checks that the files are still those that were locked, and have what SQLite never takes
    /// away. A lock file that is gone is created again.
    ///
    /// # Errors
    /// [`FileTrouble`] when the database or its log was removed or replaced: what is written from
    /// then on is in no file that a later start would read. Also when another process has locked it.
    pub(super) fn check(&mut self, is_damaged: bool) -> Result<(), FileTrouble> {
        if !is_damaged && self.database.is_in_place() {
            self.check_contents().map_err(FileTrouble::Damaged)?;
        }
        if !self.has_stable_ids {
            return Ok(());
        }
        self.check_names()
    }

    /// SQLite never empties a database in use, and begins its log anew by writing over it: nothing
    /// but the beginning of the log tells that it has something.
    fn check_contents(&self) -> Result<(), String> {
        if self.database.is_empty() {
            return Err("the file is empty".to_owned());
        }
        let log = beside(&self.database.path, "-wal");
        match has_beginning(&log) {
            Ok(false) => Err(format!("the log {} has no beginning", log.display())),
            // What cannot be read is found by SQLite.
            Ok(true) | Err(_) => Ok(()),
        }
    }

    fn check_names(&mut self) -> Result<(), FileTrouble> {
        let path = self.database.path.display();
        if !self.database.is_in_place() {
            return match found(&self.database.path) {
                Found::Missing => {
                    let gone = replaced(&self.database.path, &self.database.path);
                    Err(FileTrouble::Lost(gone))
                }
                // Another file has taken its place. The look at the database's history decides what
                // that has.
                Found::Id(_) | Found::Unknown => Ok(()),
            };
        }
        let log = beside(&self.database.path, "-wal");
        match (&self.log, found(&log)) {
            (Some((_, id)), Found::Id(now)) if *id == now => {}
            // SQLite removes the log beside an empty file; the damage is reported already.
            (Some(_), Found::Missing) if self.database.is_empty() => {}
            (Some(_), Found::Missing | Found::Id(_)) => {
                return Err(FileTrouble::LogLost(replaced(&log, &self.database.path)));
            }
            (None, Found::Id(id)) => self.log = Some((log, id)),
            (_, Found::Missing | Found::Unknown) => {}
        }
        if self.beside.is_in_place() {
            return Ok(());
        }
        let lock_file = self.beside.path.clone();
        let shown = lock_file.display();
        match LockedFile::acquire(&lock_file) {
            Ok(mut again) => {
                warn!(file = %shown, "the lock file was deleted or replaced while this node runs; it is created and locked again");
                if let Err(failure) = again.write_process_id() {
                    warn!(file = %shown, %failure, "the process id cannot be written into it");
                }
                self.beside = again;
                Ok(())
            }
            Err(LockError::Held(holder)) => Err(FileTrouble::Lost(format!(
                "the lock file {shown} was replaced, and another process{} holds it and may write the database {path}",
                holder
                    .map(|id| format!(" (process id {id})"))
                    .unwrap_or_default()
            ))),
            // The lock on the database itself still keeps others out.
            Err(LockError::Io(failure)) => {
                warn!(file = %shown, %failure, "the lock file is gone and cannot be created again");
                Ok(())
            }
        }
    }
}

/// The sentence about a file of the database that is gone.
fn replaced(file: &Path, database: &Path) -> String {
    let (file, database) = (file.display(), database.display());
    format!(
        "{file} was removed or replaced while the node ran, so its latest changes may be lost. Restore {database} from a \
         backup if it is incomplete, and restart the node"
    )
}

impl LockedFile {
    /// Opens and locks a file, which is created if it is missing.
    fn acquire(path: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let (file, is_new) = match options.open(path) {
            Err(failure) if failure.kind() == ErrorKind::NotFound => {
                match options.clone().create_new(true).open(path) {
                    // Created by another process meanwhile.
                    Err(failure) if failure.kind() == ErrorKind::AlreadyExists => {
                        (options.open(path)?, false)
                    }
                    created => (created?, true),
                }
            }
            opened => (opened?, false),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // A database is no text.
                let _ = (&file).take(32).read_to_string(&mut holder);
                return Err(LockError::Held(holder.trim().parse().ok()));
            }
            Err(TryLockError::Error(failure)) => return Err(failure.into()),
        }
        let path = path.to_owned();
        Ok(Self { path, file, is_new })
    }

    fn write_process_id(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{}", std::process::id())
    }

    /// `false` when that cannot be found out.
    fn is_empty(&self) -> bool {
        self.file.metadata().is_ok_and(|file| file.len() == 0)
    }

    /// Whether its name still denotes the file. `true` when that cannot be found out.
    fn is_in_place(&self) -> bool {
        match (self.file.metadata(), found(&self.path)) {
            (Ok(held), Found::Id(id)) => id_of(&held) == id,
            (_, Found::Missing) => false,
            (Err(_), _) | (_, Found::Unknown) => true,
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        let path = &self.database.path;
        // Whoever was refused leaves nothing behind. The locks are still held.
        if self.has_created && fs::metadata(path).is_ok_and(|file| file.len() == 0) {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // Closing the file releases the lock as well; this makes it explicit.
        let _ = self.file.unlock();
    }
}

/// What a name denotes.
enum Found {
    Id(FileId),
    Missing,
    /// The system does not say.
    Unknown,
}

fn found(path: &Path) -> Found {
    match fs::metadata(path) {
        Ok(metadata) => Found::Id(id_of(&metadata)),
        Err(failure) if failure.kind() == ErrorKind::NotFound => Found::Missing,
        Err(_) => Found::Unknown,
    }
}

fn id_of(metadata: &Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

/// The path without symbolic links. The file may not exist yet.
fn resolve(file: &Path) -> io::Result<PathBuf> {
    match file.canonicalize() {
        Err(failure) if failure.kind() == ErrorKind::NotFound => {}
        resolved => return resolved,
    }
    // A link may name a new database elsewhere. Links in a circle were an error above.
    let mut file = file.to_owned();
    while let Ok(target) = fs::read_link(&file) {
        file = folder_of(&file).join(target);
    }
    let name = file.file_name().ok_or(ErrorKind::InvalidInput)?;
    Ok(folder_of(&file).canonicalize()?.join(name))
}

/// Whether a log begins as SQLite begins it. An empty one need not.
fn has_beginning(log: &Path) -> io::Result<bool> {
    /// SQLite's file format; the last bit is the order of bytes in checksums.
    const MAGIC: u32 = 0x377f_0682;
    let mut start = [0; 4];
    let file = File::open(log)?;
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    (&file).read_exact(&mut start)?;
    Ok(u32::from_be_bytes(start) & !1 == MAGIC)
}

/// A file with the database's name and a suffix.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
