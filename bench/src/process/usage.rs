//! What a process uses, from `/proc`: processor time and memory. Elsewhere than on Linux nothing is known.

use std::fs;
use std::time::{Duration, Instant};

/// Fields of `/proc/PID/stat` behind the program's name, which may hold anything up to the last `)`: user and system
/// time are fields 14 and 15, the name is the second (proc_pid_stat(5)).
const TIMES_BEHIND_NAME: std::ops::Range<usize> = 11..13;

/// What a process does in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It asks.
    Generator,
    /// It answers.
    Server,
    /// Both.
    ShopAndGenerator,
}

/// What a process has used until one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time since it started, of all its threads, user and system together: the kernel measures the sum and
    /// only estimates the parts.
    pub(crate) cpu: Duration,
    /// Memory that is resident now.
    pub(crate) resident_bytes: u64,
}

/// What a process used between two moments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessUsage {
    /// What it does.
    pub(crate) role: Role,
    /// At the beginning.
    pub(crate) begin: Usage,
    /// At the end.
    pub(crate) end: Usage,
}

impl Usage {
    /// Of the process `pid` until now; `None` when it is gone or the system does not tell.
    pub(crate) fn now(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self {
            cpu: cpu_time(&stat, rustix::param::clock_ticks_per_second())?,
            resident_bytes: resident_bytes(&status)?,
        })
    }
}

impl ProcessUsage {
    /// What each of the processes that can be seen uses between two moments; returns at the second.
    pub(crate) async fn between(
        from: Instant,
        to: Instant,
        processes: &[(Role, u32)],
    ) -> Vec<Self> {
        let all = || processes.iter().map(|&(_, pid)| Usage::now(pid));
        tokio::time::sleep_until(from.into()).await;
        let begin: Vec<_> = all().collect();
        tokio::time::sleep_until(to.into()).await;
        let used = processes.iter().zip(begin).zip(all());
        used.filter_map(|((&(role, _), begin), end)| {
            let (begin, end) = (begin?, end?);
            Some(Self { role, begin, end })
        })
        .collect()
    }

    /// Processor time between the two moments.
    pub(crate) fn cpu(&self) -> Duration {
        self.end.cpu.saturating_sub(self.begin.cpu)
    }
}

fn cpu_time(stat: &str, ticks_per_s: u64) -> Option<Duration> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    let mut ticks = 0;
    for field in fields.get(TIMES_BEHIND_NAME)? {
        ticks += field.parse::<u64>().ok()?;
    }
    Some(Duration::from_secs_f64(ticks as f64 / ticks_per_s as f64))
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_may_hold_anything() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194560 300 0 0 0 150 50 7 9 20 0 3 0 100 1 2 3";
        assert_eq!(cpu_time(stat, 100), Some(Duration::from_secs(2)));
        assert_eq!(cpu_time("77 (a) S 1 2", 100), None);
        assert_eq!(cpu_time("", 100), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tfritzy\nVmHWM:\t  200 kB\nVmRSS:\t  128 kB\nThreads:\t3\n";
        assert_eq!(resident_bytes(status), Some(128 * 1024));
        assert_eq!(resident_bytes("Name:\tzombie\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_lives_has_used_something_and_one_that_does_not_nothing() {
        let usage = Usage::now(std::process::id()).expect("Linux tells");
        assert!(usage.resident_bytes > 100_000);
        assert!(Usage::now(u32::MAX).is_none());
    }
}
