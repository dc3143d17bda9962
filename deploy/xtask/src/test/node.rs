//! A real node for the outside clients: a folder and a port of its own, and a clean end that is
//! part of the test.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fritzy_testbed::{NodeProcess, ReapedDir};

use super::environment::Environment;
use super::outcome::Outcome;

/// A cold start creates a database; a node that takes longer does not start.
const START_MAX: Duration = Duration::from_secs(30);

/// A drained node has no work left; one that takes longer hangs.
const STOP_MAX: Duration = Duration::from_secs(10);

/// One request to a node on the same machine.
const REQUEST_MAX: Duration = Duration::from_secs(1);

/// Between two checks of a starting node.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A ready node. Dropped without [`Node::stop`], it is killed.
struct Node {
    process: NodeProcess,
    address: SocketAddr,
    /// Its database. Dropped after the process.
    _dir: ReapedDir,
}

/// Starts a node, passes its URL to the test, and stops it. A node that does not stop cleanly is a
/// fault of the step.
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
    /// When it ends, or is not ready in time; the error shows the last lines of its log.
    fn start(program: &Path, step: &str, logs: &Path) -> Result<Self> {
        fs::create_dir_all(logs).with_context(|| format!("cannot create {}", logs.display()))?;
        let log = log_in(logs, step);
        File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let dir = ReapedDir::new()?;
        let data = dir.process_dir("node")?.join("data");
        let mut command = Command::new(program);
        command
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data);
        let mut process = NodeProcess::spawn(&mut command, &log)?;
        dir.watch("node", process.pid(), &data.display().to_string())?;
        let address = process.try_address(START_MAX)?;
        let node = Self {
            process,
            address,
            _dir: dir,
        };
        node.wait_until_ready()?;
        Ok(node)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends SIGTERM, and requires exit code 0.
    ///
    /// # Errors
    /// When the node does not end in time, or with another code; the error shows its log.
    fn stop(self) -> Result<()> {
        self.process.terminate();
        let exited = self.process.try_wait_exit(STOP_MAX)?;
        ensure!(
            exited.code == Some(0),
            "the node ended with {:?} after SIGTERM, not with 0; its log:\n{}",
            exited.code,
            exited.stderr
        );
        Ok(())
    }

    fn wait_until_ready(&self) -> Result<()> {
        let started = Instant::now();
        while !status_of(self.address, "/healthz/ready").is_ok_and(|status| status == 200) {
            ensure!(
                started.elapsed() < START_MAX,
                "the node was not ready within {START_MAX:?}; its log:\n{}",
                self.process.log_tail()
            );
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

/// The status of the response to a plain GET. One line of HTTP does not justify a client crate.
fn status_of(address: SocketAddr, path: &str) -> Result<u16> {
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
    use std::net::{Ipv4Addr, TcpListener};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program with a node's flags, which prints the port of the test's own server.
    struct Stub {
        dir: ReapedDir,
        program: PathBuf,
    }

    impl Stub {
        fn new(on_term: &str, then: &str) -> Self {
            let dir = ReapedDir::new().unwrap();
            let program = dir.path().join("fritzy");
            let port = healthy_server();
            // It reads from a pipe that only itself holds, so that it sleeps until a signal.
            let script = format!(
                "#!/bin/sh\n[ \"$1 $3\" = '--listen --data-dir' ] || exit 9\necho started >&2\n\
                 trap '{on_term}' TERM\n{then}\necho \"API http://localhost:{port}/graphql\"\n\
                 mkfifo {0}/fifo; read -r line <> {0}/fifo\n",
                dir.path().display()
            );
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            Self { dir, program }
        }

        fn start(&self, step: &str) -> Result<Node> {
            Node::start(&self.program, step, self.dir.path())
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
        let stub = Stub::new("exit 0", "");
        let node = stub.start("fine").unwrap();
        assert!(node.url().starts_with("http://127.0.0.1:"));
        let dir = node._dir.path().to_owned();
        assert!(dir.exists());
        node.stop().unwrap();
        assert!(!dir.exists());
        let log = log_in(stub.dir.path(), "fine");
        assert_eq!(fs::read_to_string(log).unwrap(), "started\n");
    }

    #[test]
    fn node_that_exits_with_an_error_is_a_fault() {
        let stub = Stub::new("exit 7", "");
        let error = stub.start("bad").unwrap().stop().unwrap_err().to_string();
        let expected = "the node ended with Some(7) after SIGTERM, not with 0; its log:\nstarted";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn node_that_ends_at_once_is_not_awaited() {
        let stub = Stub::new("", "exit 5");
        let started = Instant::now();
        let error = stub.start("dead").err().unwrap().to_string();
        assert!(error.contains("the process exited"), "{error}");
        assert!(started.elapsed() < START_MAX);
    }
}
