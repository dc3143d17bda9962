//! A real node for the outside clients: a folder and a port of its own, and a clean end that is part of the test.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::environment::Environment;
use super::outcome::Outcome;
use crate::child_process;

/// A cold start creates a database; a node that takes longer does not start.
const START_MAX: Duration = Duration::from_secs(30);

/// A drained node has no work left; one that takes longer hangs.
const STOP_MAX: Duration = Duration::from_secs(10);

/// One request to a node on the same machine.
const REQUEST_MAX: Duration = Duration::from_secs(1);

/// Between two checks of a starting node.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Lines of its log that are shown when a node fails.
const LOG_LINES_MAX: usize = 20;

/// A ready node. Dropped without [`Node::stop`], it is killed.
pub(crate) struct Node {
    child: Child,
    folder: PathBuf,
    log: PathBuf,
    port: u16,
}

/// Starts a node, passes its URL to the test, and stops it. A node that does not stop cleanly is a fault of the step.
///
/// # Errors
/// When the node does not start, or the test returns an error.
pub(crate) fn with_node(
    environment: &Environment,
    step: &str,
    test: impl FnOnce(&str) -> Result<Outcome>,
) -> Result<Outcome> {
    let node = Node::start(&environment.node_binary(), step, &logs(environment))?;
    let outcome = test(&node.url())?;
    let fault = node.stop().err().map(|error| format!("{error:#}"));
    Ok(outcome.and_fault(fault))
}

/// The log of a step's node, which stays after the run.
pub(crate) fn log_of(environment: &Environment, step: &str) -> PathBuf {
    log_in(&logs(environment), step)
}

fn logs(environment: &Environment) -> PathBuf {
    environment.target.join("xtask")
}

fn log_in(logs: &Path, step: &str) -> PathBuf {
    logs.join(format!("node-{step}.log"))
}

impl Node {
    /// Starts the program and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready in time; the last lines of its log are printed.
    fn start(program: &Path, step: &str, logs: &Path) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("fritzy-{step}-{}", std::process::id()));
        for made in [folder.as_path(), logs] {
            fs::create_dir_all(made)
                .with_context(|| format!("cannot create {}", made.display()))?;
        }
        let log = log_in(logs, step);
        let out = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let port_file = folder.join("port");
        let child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.join("data"))
            .arg("--port-file")
            .arg(&port_file)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut node = Self {
            child,
            folder,
            log,
            port: 0,
        };
        match node.wait_until_ready(&port_file) {
            Ok(()) => Ok(node),
            Err(error) => {
                node.print_log();
                Err(error)
            }
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends SIGTERM, and requires exit status 0.
    ///
    /// # Errors
    /// When the node does not end in time, or with another status; the last lines of its log are printed.
    fn stop(mut self) -> Result<()> {
        let stopped = self.try_stop();
        if stopped.is_err() {
            self.print_log();
        }
        stopped
    }

    fn try_stop(&mut self) -> Result<()> {
        child_process::terminate(&self.child).context("the node had ended before SIGTERM")?;
        match child_process::wait(&mut self.child, STOP_MAX)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => bail!("the node ended with {status} after SIGTERM, not with 0"),
            None => bail!("the node did not end within {STOP_MAX:?} of SIGTERM"),
        }
    }

    fn wait_until_ready(&mut self, port_file: &Path) -> Result<()> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the node ended with {status} instead of starting");
            }
            if self.port == 0 {
                // The file may be missing or incomplete.
                let written = fs::read_to_string(port_file).unwrap_or_default();
                self.port = written.trim().parse().unwrap_or(0);
            } else if status_of(self.port, "/healthz/ready").is_ok_and(|status| status == 200) {
                return Ok(());
            }
            ensure!(
                started.elapsed() < START_MAX,
                "the node was not ready within {START_MAX:?} (its port: {})",
                self.port
            );
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn print_log(&self) {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let shown = lines.len().saturating_sub(LOG_LINES_MAX);
        println!("last lines of {}:", self.log.display());
        for line in &lines[shown..] {
            println!("    {line}");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail for a node that has ended, which is fine; so is a folder left in /tmp.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// The status of the response to a plain GET. One line of HTTP does not justify a client crate.
fn status_of(port: u16, path: &str) -> Result<u16> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, REQUEST_MAX)?;
    stream.set_read_timeout(Some(REQUEST_MAX))?;
    stream.set_write_timeout(Some(REQUEST_MAX))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut start = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut start)?;
    let start = String::from_utf8_lossy(&start);
    let (_, status) = start.split_once(' ').context("the response is not HTTP")?;
    Ok(status.parse()?)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program with a node's flags, which writes the port of the test's own server to its port file.
    struct Stub {
        folder: PathBuf,
        program: PathBuf,
    }

    impl Stub {
        fn new(name: &str, on_term: &str, end: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("xtask-stub-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            let program = folder.join("fritzy");
            let port = healthy_server();
            // It reads from a pipe that only itself holds, so that it sleeps until a signal.
            let script = format!(
                "#!/bin/sh\n[ \"$1 $3 $5\" = '--listen --data-dir --port-file' ] || exit 9\necho started\n\
                 trap '{on_term}' TERM\necho {port} > \"$6\"\n{end}\nmkfifo {0}/fifo; read -r line <> {0}/fifo\n",
                folder.display()
            );
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            Self { folder, program }
        }

        fn start(&self, step: &str) -> Result<Node> {
            Node::start(&self.program, step, &self.folder)
        }
    }

    impl Drop for Stub {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.folder));
        }
    }

    /// Responds with 503 once, then with 200.
    fn healthy_server() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let statuses = std::iter::once("503 Not Yet").chain(std::iter::repeat("200 OK"));
            for (stream, status) in listener.incoming().zip(statuses) {
                let mut stream = stream.unwrap();
                drop(stream.read(&mut [0; 1024]));
                drop(write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"
                ));
            }
        });
        port
    }

    #[test]
    fn node_that_starts_and_stops_leaves_only_its_log() {
        let stub = Stub::new("fine", "exit 0", "");
        let node = stub.start("fine").unwrap();
        assert!(node.url().starts_with("http://127.0.0.1:"));
        let folder = node.folder.clone();
        assert!(folder.exists());
        node.stop().unwrap();
        assert!(!folder.exists());
        assert_eq!(
            fs::read_to_string(stub.folder.join("node-fine.log")).unwrap(),
            "started\n"
        );
    }

    #[test]
    fn node_that_exits_with_an_error_is_a_fault() {
        let stub = Stub::new("bad", "exit 7", "");
        let error = stub.start("bad").unwrap().stop().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the node ended with exit status: 7 after SIGTERM, not with 0"
        );
    }

    #[test]
    fn node_that_ends_at_once_is_not_awaited() {
        let stub = Stub::new("dead", "", "rm \"$6\"; exit 5");
        let error = stub.start("dead").err().unwrap();
        assert_eq!(
            error.to_string(),
            "the node ended with exit status: 5 instead of starting"
        );
    }
}
