//! A folder and processes of a program, which end with it however it ends.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ServiceError;
use crate::os_user::OsUser;
use crate::reaper::Reaper;

/// A new folder, removed when this is dropped or the program is killed; and so are the processes that it was told of.
#[derive(Debug)]
pub struct ReapedDir(Reaper);

impl ReapedDir {
    /// Makes one among the temporary files.
    ///
    /// # Errors
    /// When it cannot be made, or no shell started to watch over it.
    pub fn new() -> Result<Self, ServiceError> {
        Reaper::with_new_dir(None, OsUser::Own).map(Self)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.folder()
    }

    /// A folder in it for one process, made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn process_dir(&self, name: &str) -> Result<PathBuf, ServiceError> {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).map_err(ServiceError::io("make", &folder))?;
        Ok(folder)
    }

    /// From now on, the process `pid` is killed with the folder, if `argument` is one of its arguments by then. In place of
    /// the one before of this name.
    ///
    /// # Errors
    /// When it cannot be written down.
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
        // By its number alone, this would be another's process.
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
