//! Reads processes from `/proc`, and sends them signals.

use std::fs;

use rustix::process::{Pid, kill_process};

pub(crate) use rustix::process::Signal;

/// A process of this machine, by its id; it may have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Sends a signal, if the process still exists.
    pub(crate) fn signal(self, signal: Signal) {
        let pid = i32::try_from(self.0).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }

    /// The state letter of `proc(5)`: `R` and `S` for running and sleeping, `T` for stopped, `Z`
    /// for a zombie. `None` when there is no such process.
    pub(crate) fn state(self) -> Option<char> {
        self.stat().map(|(state, _)| state)
    }

    /// Whether it has ended, waited for or not.
    pub(crate) fn is_gone(self) -> bool {
        matches!(self.state(), None | Some('Z' | 'X'))
    }

    /// Whether this is one of its arguments: a process id alone may have been reused.
    pub(crate) fn has_argument(self, argument: &str) -> bool {
        let arguments = fs::read(format!("/proc/{}/cmdline", self.0)).unwrap_or_default();
        arguments
            .split(|byte| *byte == 0)
            .any(|one| one == argument.as_bytes())
    }

    /// Its child processes, without their children.
    pub(crate) fn children(self) -> Vec<Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Self))
            .filter(|other| other.stat().is_some_and(|(_, parent)| parent == self.0))
            .collect()
    }

    /// State and parent. The name before them is in parentheses, and may contain some itself.
    fn stat(self) -> Option<(char, u32)> {
        let line = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        let (_, after_name) = line.rsplit_once(") ")?;
        let mut fields = after_name.split(' ');
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::wait::poll_until;

    #[test]
    fn child_states_follow_its_signals() {
        let mut child = Command::new("sleep").arg("3600").spawn().unwrap();
        let process = Process(child.id());
        let soon = Duration::from_secs(60);
        assert!(Process(std::process::id()).children().contains(&process));
        assert!(poll_until(soon, || process.has_argument("3600")));
        assert!(!process.has_argument("360"));
        process.signal(Signal::STOP);
        assert!(poll_until(soon, || process.state() == Some('T')));
        process.signal(Signal::CONT);
        assert!(poll_until(soon, || process.state() == Some('S')));
        process.signal(Signal::KILL);
        assert!(poll_until(soon, || process.is_gone()));
        child.wait().unwrap();
        assert_eq!(process.state(), None);
    }
}
