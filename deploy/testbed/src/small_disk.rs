//! A small file system in memory, which tests fill.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::error::ServiceError;

/// Files in it are written in pieces of these sizes, so that the last byte is taken, too.
const PIECES: [usize; 3] = [1 << 20, 1 << 12, 1];

/// A small file system, unmounted when this value is dropped. Servers of another user may write to
/// it.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one of this size, such as `160m`, among the temporary files.
    ///
    /// # Errors
    /// [`ServiceError::Missing`] where the user may not mount one.
    pub fn mount(size: &str) -> Result<Self, ServiceError> {
        let folder = TempDir::new().map_err(ServiceError::io("make", Path::new("a folder")))?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(folder.path())
            .output();
        if !mounted.is_ok_and(|done| done.status.success()) {
            let what = "permission to mount a small file system";
            return Err(ServiceError::missing(what, "mount failed", "run as root"));
        }
        let disk = Self(folder);
        // Only its owner may enter a temporary folder; the server runs as another user.
        let mut open = Command::new("chmod");
        let opened = open.arg("755").arg(disk.path()).status();
        opened.map_err(ServiceError::io("open", disk.path()))?;
        Ok(disk)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the disk to the last byte.
    ///
    /// # Errors
    /// When the first file cannot be created.
    pub fn fill(&self) -> Result<(), ServiceError> {
        let path = self.path().join("filler");
        let mut filler = File::create(&path).map_err(ServiceError::io("write", &path))?;
        for size in PIECES {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
        Ok(())
    }

    /// Frees what [`Self::fill`] has taken.
    ///
    /// # Errors
    /// When it was not filled.
    pub fn free(&self) -> Result<(), ServiceError> {
        let path = self.path().join("filler");
        fs::remove_file(&path).map_err(ServiceError::io("remove", &path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        // What cannot be unmounted stays, and the directory with it.
        drop(unmount.arg("--lazy").arg(self.path()).status());
    }
}
