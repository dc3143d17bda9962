//! Removes everything of a server, even when the program that started it is killed.
//!
//! The death of a parent can be signalled to its children, but not to those of another user, and
//! threads count as parents. So a small shell waits at the end of a pipe: when the pipe closes, it
//! ends the server and removes its directory. It has its own process group, so that what ends a
//! whole test run (Ctrl-C, a time limit) does not end it first.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::ServiceError;
use crate::os_user::OsUser;

const SCRIPT: &str = include_str!("reaper.sh");

/// A directory of a server, and the shell that removes both.
#[derive(Debug)]
pub(crate) struct Reaper {
    folder: PathBuf,
    shell: Child,
}

impl Reaper {
    /// Creates an empty directory for a server that runs as this user, and starts its shell.
    ///
    /// # Errors
    /// When the directory cannot be created, or the shell not be started.
    pub(crate) fn with_new_dir(root: Option<&Path>, os_user: OsUser) -> Result<Self, ServiceError> {
        let root = root.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let folder = tempfile::Builder::new()
            .prefix("fritzy-service-")
            .tempdir_in(&root)
            .map_err(ServiceError::io("make a folder in", &root))?;
        os_user.give_ownership(folder.path())?;
        let shell = spawn(folder.path(), Stdio::piped())?;
        Ok(Self {
            folder: folder.keep(),
            shell,
        })
    }

    /// The directory, which is removed with this value.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lets the server run and keeps its directory.
    ///
    /// # Errors
    /// When the shell is gone.
    pub(crate) fn detach(&mut self) -> Result<(), ServiceError> {
        let told = self
            .shell
            .stdin
            .take()
            .map(|mut pipe| pipe.write_all(b"detach\n"));
        told.unwrap_or(Ok(()))
            .map_err(ServiceError::io("leave", &self.folder))
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        // Closes the pipe. The script limits its own time.
        drop(self.shell.stdin.take());
        drop(self.shell.wait());
    }
}

/// Ends the detached server of a directory, and removes the directory.
///
/// # Errors
/// When no shell can be started.
pub(crate) fn end(folder: &Path) -> Result<(), ServiceError> {
    let mut shell = spawn(folder, Stdio::null())?;
    shell
        .wait()
        .map_err(ServiceError::io("wait for the end of", folder))?;
    Ok(())
}

fn spawn(folder: &Path, stdin: Stdio) -> Result<Child, ServiceError> {
    Command::new("sh")
        .args(["-c", SCRIPT, "fritzy-reaper"])
        .arg(folder)
        .current_dir("/")
        .process_group(0)
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(ServiceError::io("watch over", folder))
}
