//! The CPU core of a thread, and the precision of its sleeps.
//!
//! A process inherits the affinity of the thread that starts it. So a server is pinned by starting
//! it from a thread that is pinned for that time, which needs neither unsafe code nor `taskset`.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) generator: usize,
}

#[cfg(target_os = "linux")]
mod system {
    use std::num::NonZeroU64;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_current_timer_slack};

    use super::Cores;

    impl Cores {
        /// The first and the last core that this process may use.
        ///
        /// # Errors
        /// A message if there are no two cores.
        pub(crate) fn choose() -> Result<Self, String> {
            let allowed = sched_getaffinity(None)
                .map_err(|error| format!("the CPU affinity cannot be read: {error}"))?;
            let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
            match (cores.next(), cores.next_back()) {
                (Some(server), Some(generator)) => Ok(Self { server, generator }),
                _ => Err("only one core is available".to_owned()),
            }
        }
    }

    /// Pins this thread, and the threads and processes that it starts, to one core.
    ///
    /// # Errors
    /// The error of the operating system.
    pub(crate) fn pin_this_thread(core: usize) -> std::io::Result<()> {
        let mut cores = CpuSet::new();
        cores.set(core);
        Ok(sched_setaffinity(None, &cores)?)
    }

    /// Runs `start` with this thread pinned to one core, and restores its affinity.
    ///
    /// # Errors
    /// The error of the operating system.
    pub(crate) fn on_core<T>(core: usize, start: impl FnOnce() -> T) -> std::io::Result<T> {
        let before = sched_getaffinity(None)?;
        pin_this_thread(core)?;
        let started = start();
        sched_setaffinity(None, &before)?;
        Ok(started)
    }

    /// Makes this thread's sleeps end on time instead of up to 50 µs later, when the kernel groups
    /// wake-ups.
    pub(crate) fn precise_sleeps() {
        // On failure sleeps are longer, which the report's send lag shows.
        let _ = set_current_timer_slack(NonZeroU64::new(1));
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io::{Error, ErrorKind};

    use super::Cores;

    const ONLY_ON_LINUX: &str = "threads can be pinned on Linux only";

    impl Cores {
        pub(crate) fn choose() -> Result<Self, String> {
            Err(ONLY_ON_LINUX.to_owned())
        }
    }

    pub(crate) fn pin_this_thread(_core: usize) -> std::io::Result<()> {
        Err(Error::new(ErrorKind::Unsupported, ONLY_ON_LINUX))
    }

    pub(crate) fn on_core<T>(_core: usize, _start: impl FnOnce() -> T) -> std::io::Result<T> {
        Err(Error::new(ErrorKind::Unsupported, ONLY_ON_LINUX))
    }

    pub(crate) fn precise_sleeps() {}
}

pub(super) use system::on_core;
pub(crate) use system::{pin_this_thread, precise_sleeps};

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn thread_affinity_is_restored() {
        let cores = || rustix::thread::sched_getaffinity(None).expect("available on Linux");
        let before = cores();
        let Ok(chosen) = Cores::choose() else {
            return;
        };
        assert_ne!(chosen.server, chosen.generator);
        let inside = on_core(chosen.server, cores).expect("allowed");
        assert_eq!(inside.count(), 1);
        assert!(inside.is_set(chosen.server));
        assert_eq!(cores(), before);
    }
}
