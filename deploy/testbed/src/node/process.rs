//! The real binary as a process of its own. It ends with the test that started it.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A node that does not listen, or does not end, by then never will: debug builds on busy machines
/// need seconds.
pub(crate) const NODE_TIME_MAX: Duration = Duration::from_secs(60);

/// An empty folder to run in, and beside it what a node logs.
pub(crate) struct Ground(TempDir);

/// A running process.
pub(crate) struct NodeProcess {
    child: Child,
    /// Until the first line is asked for, nobody reads.
    unread: Option<(PipeReader, Sender<String>)>,
    stdout: Receiver<String>,
    /// Lines that were read already.
    said: String,
    log: PathBuf,
}

/// A process that has ended by itself.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("current")).expect("a folder");
        Self(folder)
    }

    /// The current folder of the processes.
    pub(crate) fn current(&self) -> PathBuf {
        self.0.path().join("current")
    }

    /// A path outside the current folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The binary with these arguments, in this folder, without the variables of whoever runs tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fritzy"));
        command
            .args(arguments)
            .current_dir(self.current())
            .env_clear();
        command
    }

    /// Starts a command.
    pub(crate) fn spawn(&self, command: &mut Command) -> NodeProcess {
        self.spawn_behind(command, &[])
    }

    /// Starts a command whose stdout already holds `before`, unread.
    pub(crate) fn spawn_behind(&self, command: &mut Command, before: &[u8]) -> NodeProcess {
        let (_, log) = tempfile::Builder::new()
            .prefix("stderr-")
            .tempfile_in(self.0.path())
            .and_then(|file| file.keep().map_err(Into::into))
            .expect("a file");
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(before).expect("there is room for it");
        let child = command
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(File::create(&log).expect("a file"))
            .spawn()
            .expect("the binary starts");
        // The command holds the writing end; it must close with the process.
        command.stdout(Stdio::null());
        let (lines, stdout) = mpsc::channel();
        NodeProcess {
            child,
            unread: Some((reader, lines)),
            stdout,
            said: String::new(),
            log,
        }
    }

    /// Starts a node on a free port with default settings, and waits until it listens.
    pub(crate) fn node(&self) -> NodeProcess {
        self.node_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn node_with(&self, arguments: &[&str]) -> NodeProcess {
        let all = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let mut node = self.spawn(&mut self.command(&all));
        node.address();
        node
    }

    /// Runs a command that ends by itself.
    pub(crate) fn run(&self, command: &mut Command) -> Ended {
        self.spawn(command).ended_within(NODE_TIME_MAX)
    }
}

impl NodeProcess {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it serves, which it says on stdout once it does.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let deadline = Instant::now() + NODE_TIME_MAX;
        loop {
            if let Some(port) = port_in(&self.said) {
                return SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            }
            if let Err(failure) = self.read_line(deadline) {
                panic!("no address ({failure}): {:?} {}", self.said, self.log());
            }
        }
    }

    /// Waits until it has said so.
    pub(crate) fn says(&mut self, part: &str, limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.said.contains(part) {
            if let Err(failure) = self.read_line(deadline) {
                panic!("no {part:?} ({failure}): {:?} {}", self.said, self.log());
            }
        }
    }

    /// Waits for one more line.
    pub(crate) fn says_more(&mut self, limit: Duration) {
        if let Err(failure) = self.read_line(Instant::now() + limit) {
            panic!("no more lines ({failure}): {:?} {}", self.said, self.log());
        }
    }

    /// What it said on stdout so far.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    fn read_line(&mut self, deadline: Instant) -> Result<(), RecvTimeoutError> {
        if let Some((unread, lines)) = self.unread.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(unread).lines().map_while(Result::ok) {
                    if lines.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let line = self.stdout.recv_timeout(left)?;
        self.said.push_str(&line);
        self.said.push('\n');
        Ok(())
    }

    /// Sends a signal, by its name without SIG.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.id().to_string()])
            .status()
            .expect("kill exists");
        assert!(sent.success(), "{name} is sent");
    }

    /// SIGKILL: it ends in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("a child");
    }

    /// Waits until it has ended by itself. Its stdout closes with it, so that nothing is polled.
    pub(crate) fn ended_within(mut self, limit: Duration) -> Ended {
        let deadline = Instant::now() + limit;
        loop {
            match self.read_line(deadline) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!(
                        "still running after {limit:?}: {:?} {}",
                        self.said,
                        self.log()
                    )
                }
            }
        }
        let status = self.child.wait().expect("a child");
        Ended {
            code: status.code(),
            stdout: std::mem::take(&mut self.said),
            stderr: self.log(),
        }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).expect("logs are UTF-8")
}

/// The port in a line such as `API      http://localhost:8000/graphql`.
fn port_in(said: &str) -> Option<u16> {
    let (_, behind) = said.split_once("http://localhost:")?;
    behind.split_once('/')?.0.parse().ok()
}
