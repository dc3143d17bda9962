//! A file that appears at its place complete and synced, or not at all.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// A temporary file beside `target`. It is removed when this is dropped.
pub(crate) struct NewFile {
    temporary: NamedTempFile,
    target: PathBuf,
}

impl NewFile {
    /// Creates it, empty. `mode` is that of the file, before the umask.
    ///
    /// # Errors
    /// When the folder of `target` does not exist or cannot be written.
    pub(crate) fn beside(target: &Path, mode: u32) -> io::Result<Self> {
        let mut prefix = OsString::from(".");
        prefix.push(target.file_name().unwrap_or_default());
        prefix.push(".");
        let temporary = Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder_of(target))?;
        Ok(Self {
            temporary,
            target: target.to_owned(),
        })
    }

    /// Where its content is written to.
    pub(crate) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// Syncs the content, renames the file to its target, and syncs the folder. Returns its size in
    /// bytes.
    ///
    /// # Errors
    /// When the disk fails, or when `overwrite` is false and the target exists
    /// ([`AlreadyExists`](io::ErrorKind::AlreadyExists)).
    pub(crate) fn place(self, overwrite: bool) -> io::Result<u64> {
        // Another program has written the content. A sync is for the file, not for the handle.
        let file = File::open(self.temporary.path())?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        let placed = match overwrite {
            true => self.temporary.persist(&self.target),
            false => self.temporary.persist_noclobber(&self.target),
        };
        placed.map_err(|failure| failure.error)?;
        sync_folder(&self.target)?;
        Ok(bytes)
    }
}

/// Makes the names in the folder of `file` durable.
pub(crate) fn sync_folder(file: &Path) -> io::Result<()> {
    File::open(folder_of(file))?.sync_all()
}

/// The folder that a file is in.
pub(crate) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn existing_file_is_replaced_only_when_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("copy");
        for (content, overwrite, expected) in [
            ("first", false, Ok("first")),
            ("second", false, Err(io::ErrorKind::AlreadyExists)),
            ("third", true, Ok("third")),
        ] {
            let new = NewFile::beside(&target, 0o600).expect("created");
            std::fs::write(new.path(), content).expect("written");
            let placed = new.place(overwrite).map_err(|failure| failure.kind());
            assert_eq!(placed, expected.map(|content| content.len() as u64));
            let content = expected.unwrap_or("first");
            assert_eq!(std::fs::read_to_string(&target).expect("reads"), content);
        }
        let left = std::fs::read_dir(folder.path()).expect("reads").count();
        assert_eq!(left, 1, "temporary files stay");
    }
}
