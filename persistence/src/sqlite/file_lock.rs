//! Keeps a database for one process: a lock on a file beside it, released by the kernel however the
//! process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

pub(super) struct FileLock(File);

/// Why the lock was not acquired.
pub(super) enum LockError {
    /// Another process holds it; with its process id, if that could be read.
    Held(Option<u32>),
    /// The file cannot be created or locked.
    Io(io::Error),
}

impl FileLock {
    /// Locks `path`, creates it if necessary, and writes this process's id into it.
    pub(super) fn acquire(path: &Path) -> Result<Self, LockError> {
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .clone();
        let mut file = options.open(path).map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(LockError::Held(holder.trim().parse().ok()));
            }
            Err(TryLockError::Error(failure)) => return Err(LockError::Io(failure)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(LockError::Io)?;
        Ok(Self(file))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file releases the lock as well; this makes it explicit.
        let _ = self.0.unlock();
    }
}

/// The file beside a database that is locked.
pub(super) fn lock_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
