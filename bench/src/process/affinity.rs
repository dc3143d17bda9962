//! Which core a thread runs on, and how precisely it sleeps.
//!
//! A process inherits the cores of the thread that starts it, so a server is pinned by starting it from a thread that
//! is on its core for that moment. That takes neither unsafe code nor `taskset`.

/// The cores of a pinned run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    /// The server's.
    pub(crate) server: usize,
    /// The generator's.
    pub(crate) generator: usize,
}

#[cfg(target_os = "linux")]
mod system {
    use std::num::NonZeroU64;

    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_current_timer_slack};

    use super::Cores;

    impl Cores {
        /// The first and the last core this process may use.
        ///
        /// # Errors
        /// Why there are no two, as a text for people.
        pub(crate) fn choose() -> Result<Self, String> {
            let allowed = sched_getaffinity(None)
                .map_err(|error| format!("this machine does not tell its cores: {error}"))?;
            let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
            match (cores.next(), cores.next_back()) {
                (Some(server), Some(generator)) => Ok(Self { server, generator }),
                _ => Err("there is one core only".to_owned()),
            }
        }
    }

    /// Keeps this thread, and what it starts, on one core.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn pin_this_thread(core: usize) -> std::io::Result<()> {
        let mut cores = CpuSet::new();
        cores.set(core);
        Ok(sched_setaffinity(None, &cores)?)
    }

    /// Runs `start` with this thread on one core, and puts the thread back where it was.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn on_core<T>(core: usize, start: impl FnOnce() -> T) -> std::io::Result<T> {
        let before = sched_getaffinity(None)?;
        pin_this_thread(core)?;
        let started = start();
        sched_setaffinity(None, &before)?;
        Ok(started)
    }

    /// Has this thread's sleeps end on time instead of up to 50 µs later, when the kernel groups wake-ups.
    pub(crate) fn precise_sleeps() {
        // Without it sleeps are longer, which the run's own report of send lag shows.
        let _ = set_current_timer_slack(NonZeroU64::new(1));
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io::{Error, ErrorKind};

    use super::Cores;

    const ONLY_ON_LINUX: &str = "threads can be kept on cores on Linux only";

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
    fn a_thread_is_put_back_where_it_was() {
        let cores = || rustix::thread::sched_getaffinity(None).expect("Linux tells");
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
