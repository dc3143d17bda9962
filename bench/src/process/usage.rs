//! CPU time and memory of a process, from `/proc`. Unknown on other systems than Linux.

use std::fs;
use std::time::{Duration, Instant};

/// Fields of `/proc/PID/stat` after the program's name, which may contain anything up to the last
/// `)`: user and system time are fields 14 and 15, the name is the second (proc_pid_stat(5)).
const TIMES_AFTER_NAME: std::ops::Range<usize> = 11..13;
/// The same with the times of its ended children, fields 16 and 17.
const TIMES_WITH_ENDED_AFTER_NAME: std::ops::Range<usize> = 11..15;
/// The parent process is field 4.
const PARENT_AFTER_NAME: usize = 1;

/// The role of a process in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Generator,
    Server,
    /// Sends and handles requests.
    ShopAndGenerator,
    /// Stores data; counted together with its child processes, some of which are short-lived.
    Database,
}

/// What a process has used until a point in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// CPU time since its start, of all threads, user and system together: the kernel measures the
    /// sum and only estimates the parts.
    pub(crate) cpu: Duration,
    /// Resident memory in bytes.
    pub(crate) resident_bytes: u64,
}

/// What a process used between two points in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessUsage {
    pub(crate) role: Role,
    /// At the start of the measured time.
    pub(crate) begin: Usage,
    /// At the end of the measured time.
    pub(crate) end: Usage,
}

/// What was used between two points in time.
#[derive(Clone, Debug, Default)]
pub(crate) struct WindowUsage {
    /// By each of the visible processes.
    pub(crate) processes: Vec<ProcessUsage>,
    /// CPU time used by all other processes and by the kernel for itself, in percent of the
    /// machine's. If it is high, the machine was disturbed, and the figures are not those of the
    /// program alone.
    pub(crate) others_percent: Option<f64>,
}

/// CPU time of the whole machine until a point in time, over all cores.
#[derive(Clone, Copy, Debug, PartialEq)]
struct MachineTime {
    busy_ticks: u64,
    all_ticks: u64,
}

impl Usage {
    /// The usage of process `pid` until now; `None` if it has ended or is not visible.
    pub(crate) fn now(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self {
            cpu: cpu_time(&stat, TIMES_AFTER_NAME)?,
            resident_bytes: resident_bytes(&status)?,
        })
    }

    /// The usage of process `pid` and its children until now, including ended ones. Memory is that
    /// of the process alone: its children share much of it.
    fn with_children(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let own = Self::now(pid)?;
        let running: Duration = children(pid)
            .filter_map(|stat| cpu_time(&stat, TIMES_AFTER_NAME))
            .sum();
        Some(Self {
            cpu: cpu_time(&stat, TIMES_WITH_ENDED_AFTER_NAME)? + running,
            ..own
        })
    }

    fn of(role: Role, pid: u32) -> Option<Self> {
        match role {
            Role::Database => Self::with_children(pid),
            Role::Generator | Role::Server | Role::ShopAndGenerator => Self::now(pid),
        }
    }
}

impl ProcessUsage {
    /// What each of the visible processes uses between two points in time; returns at the second.
    pub(crate) async fn between(
        from: Instant,
        to: Instant,
        processes: &[(Role, u32)],
    ) -> WindowUsage {
        let all = || processes.iter().map(|&(role, pid)| Usage::of(role, pid));
        tokio::time::sleep_until(from.into()).await;
        let machine_begin = MachineTime::now();
        let begin: Vec<_> = all().collect();
        tokio::time::sleep_until(to.into()).await;
        let used = processes.iter().zip(begin).zip(all());
        let used = used.filter_map(|((&(role, _), begin), end)| {
            let (begin, end) = (begin?, end?);
            Some(Self { role, begin, end })
        });
        let used: Vec<Self> = used.collect();
        let ours = used.iter().map(Self::cpu).sum();
        let others_percent = machine_begin
            .zip(MachineTime::now())
            .and_then(|(begin, end)| begin.others_percent(end, ours));
        WindowUsage {
            processes: used,
            others_percent,
        }
    }

    /// CPU time between the two points in time.
    pub(crate) fn cpu(&self) -> Duration {
        self.end.cpu.saturating_sub(self.begin.cpu)
    }
}

impl MachineTime {
    fn now() -> Option<Self> {
        Self::read(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// Parses `/proc/stat`, whose first line counts ticks over all cores (proc_stat(5)): user,
    /// nice, system, idle, iowait, irq, softirq, steal. The time of guests, which follows, is part
    /// of user and nice.
    fn read(stat: &str) -> Option<Self> {
        let counts = stat.lines().next()?.strip_prefix("cpu ")?;
        let counts = counts.split_whitespace().take(8).map(str::parse);
        let counts: Vec<u64> = counts.collect::<Result<_, _>>().ok()?;
        let all_ticks = counts.iter().sum();
        let idle_ticks: u64 = counts.get(3..5)?.iter().sum();
        Some(Self {
            busy_ticks: all_ticks - idle_ticks,
            all_ticks,
        })
    }

    fn others_percent(self, end: Self, ours: Duration) -> Option<f64> {
        let all = end.all_ticks.checked_sub(self.all_ticks)? as f64;
        let busy = end.busy_ticks.checked_sub(self.busy_ticks)? as f64;
        let ours = ours.as_secs_f64() * rustix::param::clock_ticks_per_second() as f64;
        (all > 0.0).then(|| ((busy - ours) / all * 100.0).max(0.0))
    }
}

/// The parent of the process, if it runs the same program. So a process id that belongs to another
/// process on this machine is not used.
pub(crate) fn parent_of_same_program(pid: u32) -> Option<u32> {
    let stat = |pid: u32| fs::read_to_string(format!("/proc/{pid}/stat")).ok();
    let program = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).ok();
    let parent = parent(&stat(pid)?)?;
    (program(pid)? == program(parent)?).then_some(parent)
}

/// `/proc/PID/stat` of each running child of the process.
fn children(pid: u32) -> impl Iterator<Item = String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        fs::read_to_string(entry.path().join("stat")).ok()
    });
    stats.filter(move |stat| parent(stat) == Some(pid))
}

fn fields(stat: &str) -> Option<Vec<&str>> {
    let (_, after_name) = stat.rsplit_once(')')?;
    Some(after_name.split_whitespace().collect())
}

fn parent(stat: &str) -> Option<u32> {
    fields(stat)?.get(PARENT_AFTER_NAME)?.parse().ok()
}

fn cpu_time(stat: &str, times: std::ops::Range<usize>) -> Option<Duration> {
    let mut ticks = 0;
    for field in fields(stat)?.get(times)? {
        ticks += field.parse::<u64>().ok()?;
    }
    let ticks_per_s = rustix::param::clock_ticks_per_second();
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
    fn program_name_may_contain_anything() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194560 300 0 0 0 150 50 7 9 20 0 3 0 100 1 2 3";
        let ticks = |count: f64| {
            let per_s = rustix::param::clock_ticks_per_second() as f64;
            Some(Duration::from_secs_f64(count / per_s))
        };
        assert_eq!(cpu_time(stat, TIMES_AFTER_NAME), ticks(200.0));
        assert_eq!(cpu_time(stat, TIMES_WITH_ENDED_AFTER_NAME), ticks(216.0));
        assert_eq!(cpu_time("77 (a) S 1 2", TIMES_AFTER_NAME), None);
        assert_eq!(cpu_time("", TIMES_AFTER_NAME), None);
        assert_eq!((parent(stat), parent("")), (Some(1), None));
    }

    #[test]
    fn cpu_of_others_is_neither_idle_nor_ours() {
        let begin = MachineTime::read("cpu  10 0 10 100 5 0 0 0 7 0\ncpu0 1\n").expect("read");
        let end = MachineTime::read("cpu  90 0 30 180 25 0 0 0 9 0\n").expect("read");
        assert_eq!((begin.busy_ticks, begin.all_ticks), (20, 125));
        // 100 of 200 ticks were busy; at 100 per second, 60 of them were ours.
        let hundred = rustix::param::clock_ticks_per_second() == 100;
        let others = begin.others_percent(end, Duration::from_millis(600));
        assert!(!hundred || others == Some(20.0), "{others:?}");
        assert_eq!(MachineTime::read("intr 1 2 3"), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        let status = "Name:\tfritzy\nVmHWM:\t  200 kB\nVmRSS:\t  128 kB\nThreads:\t3\n";
        assert_eq!(resident_bytes(status), Some(128 * 1024));
        assert_eq!(resident_bytes("Name:\tzombie\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn usage_exists_for_running_processes_only() {
        let usage = Usage::now(std::process::id()).expect("available on Linux");
        assert!(usage.resident_bytes > 100_000);
        assert!(Usage::now(u32::MAX).is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn running_and_ended_children_are_counted() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("it starts");
        let me = std::process::id();
        let of_child = format!("{} (", child.id());
        assert!(children(me).any(|stat| stat.starts_with(&of_child)));
        assert_eq!(parent_of_same_program(child.id()), None, "not our program");
        child.kill().expect("it runs");
        child.wait().expect("a child");
        assert!(!children(me).any(|stat| stat.starts_with(&of_child)));
        let both = Usage::with_children(me).expect("available on Linux");
        assert!(both.cpu >= Usage::now(me).expect("available on Linux").cpu / 2);
    }
}
