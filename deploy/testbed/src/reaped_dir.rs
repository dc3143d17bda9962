//! A directory and processes that end with the program, however that ends.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ServiceError;
use crate::os_user::OsUser;
use crate::reaper::Reaper;

/// A new directory, removed when this is dropped or the program is killed; the processes registered
/// in it are killed as well.
#[derive(Debug)]
pub struct ReapedDir(Reaper);

impl ReapedDir {
    /// Creates one among the temporary files.
    ///
    /// # Errors
    /// When it cannot be created, or the reaper's shell not be started.
    pub fn new() -> Result<Self, ServiceError> {
        Reaper::with_new_dir(None, OsUser::Own).map(Self)
    }

    /// The path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.folder()
    }

    /// A subdirectory for one process, created if it does not exist.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn process_dir(&self, name: &str) -> Result<PathBuf, ServiceError> {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).map_err(ServiceError::io("make", &folder))?;
        Ok(folder)
    }

    /// Registers a process to be killed with the directory, if it then has `argument` among its
    /// arguments. Replaces an earlier process of this name.
    ///
    /// # Errors
    /// When the registration cannot be written.
    pub fn watch(&self, name: &str, pid: u32, argument: &str) -> Result<(), ServiceError> {
        let file = self.process_dir(name)?.join("server.pid");
        fs::write(&file, format!("{pid}\n{argument}\n")).map_err(ServiceError::io("write", &file))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::processes::Process;
    use crate::run;
    use crate::wait::poll_until;

    #[test]
    fn registered_processes_are_killed_with_the_directory() {
        let folder = ReapedDir::new().unwrap();
        let (known, other) = ("3601.25", "3602.25");
        let mut children = [known, other].map(|argument| {
            let mut command = Command::new("sleep");
            command.arg(argument).spawn().unwrap()
        });
        let soon = Duration::from_secs(60);
        for (child, argument) in children.iter().zip([known, other]) {
            assert!(poll_until(soon, || Process(child.id()).has_argument(argument)));
        }
        folder.watch("a", children[0].id(), known).unwrap();
        // With this argument, the process id belongs to another process.
        folder.watch("b", children[1].id(), known).unwrap();
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
        assert!(run::ended(&mut children[0], soon).is_some());
        assert!(children[1].try_wait().unwrap().is_none());
        children[1].kill().unwrap();
        children[1].wait().unwrap();
    }
}
