//! A server whose program is killed ends as well; one that was left running is found and ended later.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use fritzy_testbed::{PostgresConfig, PostgresServer, skip_unless};

use crate::psql::SOON;

/// Tells this test binary, started once more, to be the program that is killed.
const VICTIM: &str = "FRITZY_SERVICES_VICTIM";

const KILLED: &str = "unattended::killed_program_leaves_neither_server_nor_directory";

#[test]
fn killed_program_leaves_neither_server_nor_directory() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::default()));
    if env::var_os(VICTIM).is_some() {
        // Paused, it can do nothing about its end by itself.
        server.pause().unwrap();
        println!(
            "\nvictim: {} {}",
            server.pid().unwrap(),
            server.data_dir().display()
        );
        loop {
            std::thread::park();
        }
    }
    drop(server);
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--exact", KILLED, "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let line = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("victim: ").map(str::to_owned));
    victim.kill().unwrap();
    victim.wait().unwrap();
    let line = line.expect("the line with its server");
    let (pid, data) = line.split_once(' ').unwrap();
    let folder = Path::new(data).parent().unwrap();
    let deadline = Instant::now() + SOON;
    while folder.exists() || cmdline(pid).contains(data) {
        assert!(
            Instant::now() < deadline,
            "{folder:?} or process {pid} is still there"
        );
        std::thread::yield_now();
    }
}

#[test]
fn detached_server_is_found_and_ended() {
    let server = skip_unless!(PostgresServer::start(PostgresConfig::default()));
    let port = server.port();
    let left = server.detach().unwrap();
    assert!(left.is_running());
    std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut other = left.clone();
    other.processes[0].argument = "/nowhere".to_owned();
    assert!(!other.is_running(), "the number alone does not tell");
    left.end().unwrap();
    assert!(!left.is_running() && !left.folder.exists());
    left.end().unwrap();
}

fn cmdline(pid: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}
