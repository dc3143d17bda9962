//! What processes use at a point in time, from `/proc`; nothing on other systems than Linux.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// `ESTABLISHED` in the fourth field of `/proc/net/tcp` (`include/net/tcp_states.h`).
const ESTABLISHED: &str = "01";

/// What is used at a point in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When, in seconds from the start of the load.
    pub at_s: f64,
    /// Each node; `None` for one that does not run.
    pub nodes: Vec<Option<NodeSample>>,
    /// Established connections to PostgreSQL.
    pub database_connections_count: Option<u64>,
    /// Memory in use on the machine, page cache excluded.
    pub machine_memory_bytes: Option<u64>,
    /// Resident memory of this program, whose record of acknowledged writes grows.
    pub own_memory_bytes: Option<u64>,
}

/// What a node's process uses at a point in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSample {
    /// The process; a restarted node has another one.
    pub pid: u32,
    /// The age of the process in seconds.
    pub age_s: f64,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Open handles: files, sockets, pipes.
    pub handles_count: u64,
    /// Threads.
    pub threads_count: u64,
}

impl Sample {
    /// A sample of now. `nodes` are the processes that run.
    pub(crate) fn now(at_s: f64, nodes: &[Option<u32>], database_port: Option<u16>) -> Self {
        let memory = |pid| read_status(pid).and_then(|text| bytes_in(&text, "VmRSS:"));
        Self {
            at_s,
            nodes: nodes.iter().map(|pid| NodeSample::of((*pid)?)).collect(),
            database_connections_count: database_port.and_then(connections_to),
            machine_memory_bytes: fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| memory_in_use(&text)),
            own_memory_bytes: memory(std::process::id()),
        }
    }
}

impl NodeSample {
    fn of(pid: u32) -> Option<Self> {
        let status = read_status(pid)?;
        let handles = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
        Some(Self {
            pid,
            age_s: age_s(pid)?,
            memory_bytes: bytes_in(&status, "VmRSS:")?,
            handles_count: handles as u64,
            threads_count: value_in(&status, "Threads:")?.parse().ok()?,
        })
    }
}

fn read_status(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/status")).ok()
}

/// From the start of the process until now: field 22 of `/proc/PID/stat`, in ticks since the start
/// of the machine (proc_pid_stat(5)).
fn age_s(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let started: f64 = after_name.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Some((uptime - started / rustix::param::clock_ticks_per_second() as f64).max(0.0))
}

fn value_in<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim())
}

fn bytes_in(text: &str, name: &str) -> Option<u64> {
    let kibibytes: u64 = value_in(text, name)?
        .strip_suffix("kB")?
        .trim()
        .parse()
        .ok()?;
    Some(kibibytes * 1024)
}

fn memory_in_use(meminfo: &str) -> Option<u64> {
    let (all, free) = (
        bytes_in(meminfo, "MemTotal:")?,
        bytes_in(meminfo, "MemAvailable:")?,
    );
    all.checked_sub(free)
}

fn connections_to(port: u16) -> Option<u64> {
    let mut count = None;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        if let Ok(text) = fs::read_to_string(Path::new(table)) {
            *count.get_or_insert(0) += connections_in(&text, port);
        }
    }
    count
}

/// Established connections whose local end has this port: the server's.
fn connections_in(table: &str, port: u16) -> u64 {
    let of_server = |line: &&str| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().and_then(|local| local.rsplit_once(':'));
        let local = local.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        local == Some(port) && fields.nth(1) == Some(ESTABLISHED)
    };
    table.lines().skip(1).filter(of_server).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_established_connections_of_the_server_count() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
                     0: 0100007F:1538 00000000:0000 0A 00000000\n\
                     1: 0100007F:1538 0100007F:D431 01 00000000\n\
                     2: 0100007F:D431 0100007F:1538 01 00000000\n\
                     3: 0100007F:1538 0100007F:D433 06 00000000\n";
        assert_eq!(connections_in(table, 0x1538), 1);
        assert_eq!(connections_in(table, 1), 0);
    }

    #[test]
    fn memory_in_use_excludes_the_page_cache() {
        let meminfo = "MemTotal:  1000 kB\nMemFree:  100 kB\nMemAvailable:  700 kB\n";
        assert_eq!(memory_in_use(meminfo), Some(300 * 1024));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn sample_shows_running_processes_only() {
        let own = std::process::id();
        let opened = fs::File::open("/proc/self/status").expect("Linux");
        let sample = Sample::now(1.0, &[Some(own), None, Some(u32::MAX)], None);
        drop(opened);
        assert_eq!((&sample.nodes[1], &sample.nodes[2]), (&None, &None));
        let node = sample.nodes[0].as_ref().expect("it runs");
        assert!(
            node.memory_bytes > 100_000 && node.handles_count > 3,
            "{node:?}"
        );
        assert!(node.threads_count >= 1 && node.age_s < 3_600.0, "{node:?}");
        assert!(
            sample
                .machine_memory_bytes
                .is_some_and(|bytes| bytes > node.memory_bytes)
        );
    }
}
