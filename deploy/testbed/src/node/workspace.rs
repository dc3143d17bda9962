//! A temporary directory in which the binary runs, so that nothing of a test is left behind.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use super::binary::node_binary;
use super::process::{ExitedProcess, NODE_TIME_MAX, NodeProcess};

/// An empty working directory for processes, with their logs next to it. Removed with the last of
/// its processes and clones.
#[derive(Debug, Clone)]
pub struct Workspace {
    dir: Arc<TempDir>,
    /// The node that is run here; `None` for the one next to this program.
    binary: Option<PathBuf>,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// Creates one among the temporary files.
    ///
    /// # Panics
    /// When it cannot be created.
    #[must_use]
    pub fn new() -> Self {
        Self::with_binary(None)
    }

    /// Creates one in which another `fritzy` is run than the one next to this program.
    ///
    /// # Panics
    /// When it cannot be created.
    #[must_use]
    pub fn with_binary(binary: Option<PathBuf>) -> Self {
        let root = TempDir::new().expect("a temporary directory");
        std::fs::create_dir(root.path().join("current")).expect("a directory");
        Self {
            dir: Arc::new(root),
            binary,
        }
    }

    /// The working directory of the processes.
    #[must_use]
    pub fn current(&self) -> PathBuf {
        self.dir.path().join("current")
    }

    /// A path outside of the working directory, removed with the workspace.
    #[must_use]
    pub fn outside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `fritzy` with these arguments in the working directory, without the environment of the test.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = self.binary.clone().unwrap_or_else(node_binary);
        self.command_of(&program, arguments)
    }

    /// [`Self::command`] of another program, such as the node of the last release.
    #[must_use]
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.current())
            .env_clear();
        command
    }

    /// Starts a command with a new log file.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(&self, command: &mut Command) -> NodeProcess {
        self.spawn_with_unread_stdout(command, &[])
    }

    /// Starts a command whose stdout pipe already holds `unread` bytes, at most its capacity.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn_with_unread_stdout(&self, command: &mut Command, unread: &[u8]) -> NodeProcess {
        let mut pipe = std::io::pipe().expect("a pipe");
        pipe.1.write_all(unread).expect("at most its capacity");
        let log = new_file(self.dir.path());
        let process = NodeProcess::spawn_with(command, &log, pipe, Some(self.dir.clone()));
        process.expect("the binary starts")
    }

    /// Starts a node on a free port with default settings, and waits until it listens.
    #[must_use]
    pub fn node(&self) -> NodeProcess {
        self.node_with(&[])
    }

    /// [`Self::node`] with further arguments.
    #[must_use]
    pub fn node_with(&self, arguments: &[&str]) -> NodeProcess {
        let all = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let mut node = self.spawn(&mut self.command(&all));
        node.address();
        node
    }

    /// Runs a command that exits by itself within [`NODE_TIME_MAX`].
    pub fn run(&self, command: &mut Command) -> ExitedProcess {
        self.spawn(command).wait_exit(NODE_TIME_MAX)
    }
}

fn new_file(dir: &Path) -> PathBuf {
    let file = tempfile::Builder::new().prefix("stderr-").tempfile_in(dir);
    let (_, path) = file
        .and_then(|file| file.keep().map_err(Into::into))
        .expect("a log file");
    path
}
