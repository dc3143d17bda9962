//! A `psql` that stays connected: statements go in by lines, rows come out by lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use fritzy_testbed::{PostgresServer, wait_until};

/// What must happen has happened by then, on a busy machine as well.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Long enough for a response that nothing delays, so that its absence means something.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(300);

/// One client with one connection. It ends with the test.
pub(crate) struct Psql {
    child: Child,
    statements: ChildStdin,
    rows: Receiver<String>,
}

impl Psql {
    /// Connects to the server by way of this address, and waits until it is connected.
    pub(crate) fn connected(server: &PostgresServer, address: SocketAddr) -> Self {
        let mut psql = Self::started(server, address);
        psql.says("SELECT 'connected'");
        assert_eq!(psql.row(SOON), Ok("connected".to_owned()));
        psql
    }

    /// The same without waiting.
    pub(crate) fn started(server: &PostgresServer, address: SocketAddr) -> Self {
        let url = by_way_of(server, address);
        let mut child = Command::new(server.program("psql"))
            .args(["--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", &url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("psql next to postgres");
        let statements = child.stdin.take().expect("it is piped");
        let out = child.stdout.take().expect("it is piped");
        let (sender, rows) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            statements,
            rows,
        }
    }

    /// Has a statement carried out.
    pub(crate) fn says(&mut self, sql: &str) {
        writeln!(self.statements, "{sql};").expect("psql reads");
    }

    /// The next row. `Disconnected` when the client has ended.
    pub(crate) fn row(&self, within: Duration) -> Result<String, RecvTimeoutError> {
        self.rows.recv_timeout(within)
    }

    /// Kills the client; the system closes its connection.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a running psql");
        self.child.wait().expect("a child");
    }
}

impl Drop for Psql {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's address for clients that go through a proxy. Without encryption, which the proxy could not look into.
pub(crate) fn by_way_of(server: &PostgresServer, address: SocketAddr) -> String {
    let direct = format!("127.0.0.1:{}", server.port());
    let url = server
        .url("postgres")
        .replace(&direct, &address.to_string());
    format!("{url}?sslmode=disable&gssencmode=disable")
}

/// Repeats a query until it returns this.
pub(crate) fn eventually(server: &PostgresServer, sql: &str, expected: &str) {
    wait_until(&format!("{sql} returns {expected}"), SOON, || {
        let found = server.psql("postgres", sql);
        found.is_ok_and(|found| found == expected)
    });
}
