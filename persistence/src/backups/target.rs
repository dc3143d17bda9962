//! Where a backup may be written.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::error::BackupError;
use super::new_file::folder_of;

/// Checks a target before anything is written. Returns it without symbolic links: a link to a file
/// stays, and that file is replaced.
///
/// # Errors
/// [`BackupError`] when the target is there without `overwrite`, is not a regular file, is one of
/// the files of `database`, or has no folder.
pub(crate) fn check_target(
    target: &Path,
    overwrite: bool,
    database: Option<&DatabaseFiles>,
) -> Result<PathBuf, BackupError> {
    let no_folder = || BackupError::NoFolder(target.to_owned());
    let resolved = match target.canonicalize() {
        Ok(resolved) => resolved,
        // A link to nothing.
        Err(_) if target.is_symlink() => return Err(BackupError::Irregular(target.to_owned())),
        Err(failure) if failure.kind() == ErrorKind::NotFound => {
            let name = target.file_name().ok_or_else(no_folder)?;
            // A name that ends so is a folder's.
            if target.as_os_str().as_bytes().ends_with(b"/") {
                return Err(no_folder());
            }
            let folder = folder_of(target).canonicalize();
            folder.map_err(|_| no_folder())?.join(name)
        }
        Err(failure) => return Err(BackupError::io(target)(failure)),
    };
    if database.is_some_and(|files| files.have(&resolved)) {
        return Err(BackupError::Itself(target.to_owned()));
    }
    match fs::metadata(&resolved) {
        Err(failure) if failure.kind() == ErrorKind::NotFound => Ok(resolved),
        Err(failure) => Err(BackupError::io(target)(failure)),
        Ok(found) if !found.is_file() => Err(BackupError::Irregular(target.to_owned())),
        Ok(_) if !overwrite => Err(BackupError::Exists(target.to_owned())),
        Ok(_) => Ok(resolved),
    }
}

/// The files of a database, whether they are there or not.
pub(crate) struct DatabaseFiles(Vec<PathBuf>);

impl DatabaseFiles {
    /// Those of `database`, without symbolic links, whose names have these ends.
    pub(crate) fn new(database: &Path, ends: &[&str]) -> Self {
        let named = |end: &&str| {
            let mut name = database.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        Self(ends.iter().map(named).collect())
    }

    fn have(&self, file: &Path) -> bool {
        self.0.iter().any(|own| own == file)
    }
}

/// The first path that is not taken: of `name` and `end`, or with a number between them. Names by
/// the second are taken when a command is repeated within it.
pub fn free_path(
    folder: &Path,
    name: &str,
    end: &str,
    is_taken: impl Fn(&Path) -> bool,
) -> PathBuf {
    let mut path = folder.join(format!("{name}{end}"));
    let mut number = 2_u32;
    while is_taken(&path) {
        path = folder.join(format!("{name}-{number}{end}"));
        number += 1;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_path_is_the_first_that_is_not_taken() {
        let taken = [Path::new("a/b.db"), Path::new("a/b-2.db")];
        let free = |name| free_path(Path::new("a"), name, ".db", |path| taken.contains(&path));
        assert_eq!(free("b"), Path::new("a/b-3.db"));
        assert_eq!(free("c"), Path::new("a/c.db"));
    }
}
