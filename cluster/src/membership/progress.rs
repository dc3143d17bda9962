//! Proof that this node makes progress. The heartbeat has a thread of its own, which goes on when
//! everything else stands still: without this proof, a node that hangs would keep its shards for
//! ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::membership::lease::BootTime;
use crate::transport::handshake::Identity;
use crate::transport::peers::check_address;

/// A task on the runtime must have run within this time. On a machine without free cores it runs
/// late, by some tenths of a second.
const RUNTIME_MAX: Duration = Duration::from_secs(5);
/// Between two runs of that task.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// The node's own address must have answered within this time.
const ADDRESS_MAX: Duration = Duration::from_secs(10);
/// Between two pings of it.
const PING_INTERVAL: Duration = Duration::from_secs(2);
/// Time limit of a ping.
const PING_MAX: Duration = Duration::from_secs(2);
/// The thread of the heartbeat looks at least each 3.2 s: after a longer pause it stood still
/// itself, with the machine or the process. Then the others have had no time either, and get it.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long they get.
const GRACE: Duration = Duration::from_secs(6);

/// Says what does not make progress, if anything does not; called each second.
pub type StallCheck = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// When each part of this node last showed that it works. Clones share it.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Marks>);

struct Marks {
    runtime: AtomicU64,
    address: AtomicU64,
    /// When the heartbeat's thread looked last.
    looked: AtomicU64,
    /// Until when nothing is held against this node.
    grace: AtomicU64,
    others: StallCheck,
}

impl Progress {
    /// Proves nothing yet, and gives the parts time to begin.
    pub(crate) fn new(others: StallCheck) -> Self {
        let now = BootTime::now();
        Self(Arc::new(Marks {
            runtime: AtomicU64::new(now.nanos()),
            address: AtomicU64::new(now.nanos()),
            looked: AtomicU64::new(now.nanos()),
            grace: AtomicU64::new(0),
            others,
        }))
    }

    /// Runs the task that shows that the current runtime works, until the handle is dropped.
    pub(crate) fn tick(&self) -> AbortOnDropHandle<()> {
        let progress = self.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                progress.runtime_works(BootTime::now());
                sleep(TICK_INTERVAL).await;
            }
        }))
    }

    /// Pings the address at which this incarnation accepts other nodes, for ever.
    pub(crate) async fn ping(&self, identity: &Identity, address: &str) {
        self.address_works(BootTime::now());
        loop {
            sleep(PING_INTERVAL).await;
            let pinged = timeout(PING_MAX, check_address(identity, address)).await;
            if matches!(pinged, Ok(Ok(()))) {
                self.address_works(BootTime::now());
            }
        }
    }

    fn runtime_works(&self, now: BootTime) {
        self.0.runtime.store(now.nanos(), Ordering::Relaxed);
    }

    fn address_works(&self, now: BootTime) {
        self.0.address.store(now.nanos(), Ordering::Relaxed);
    }

    /// What stands still, if anything does. To be called by the heartbeat's thread before each
    /// heartbeat.
    pub(crate) fn stalled(&self, now: BootTime) -> Option<String> {
        let marks = &self.0;
        let looked = marks.looked.swap(now.nanos(), Ordering::Relaxed);
        if now.since(looked) > PAUSE_MAX {
            let until = now.nanos() + GRACE.as_nanos() as u64;
            marks.grace.store(until, Ordering::Relaxed);
            marks.address.store(now.nanos(), Ordering::Relaxed);
        }
        if now.nanos() < marks.grace.load(Ordering::Relaxed) {
            return None;
        }
        let runtime = now.since(marks.runtime.load(Ordering::Relaxed));
        if runtime > RUNTIME_MAX {
            return Some(format!("no task has run for {runtime:.1?}"));
        }
        let address = now.since(marks.address.load(Ordering::Relaxed));
        if address > ADDRESS_MAX {
            let what = "this node has not answered at its own cluster address";
            return Some(format!("{what} for {address:.1?}"));
        }
        (marks.others)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A node that has just begun, and a function from seconds since then to times.
    fn begun(others: StallCheck) -> (Progress, impl Fn(u64) -> BootTime) {
        let progress = Progress::new(others);
        let began = progress.0.looked.load(Ordering::Relaxed);
        (progress, move |seconds| {
            BootTime::from_nanos(began + seconds * SECOND)
        })
    }

    #[test]
    fn runtime_that_stands_still_stops_the_heartbeat() {
        let (progress, at) = begun(Arc::new(|| None));
        for second in 1..=5 {
            progress.address_works(at(second));
            assert_eq!(progress.stalled(at(second)), None, "{second}");
        }
        progress.address_works(at(6));
        let stalled = progress.stalled(at(6)).expect("the runtime stands still");
        assert!(stalled.contains("no task has run for 6.0s"), "{stalled}");
        progress.runtime_works(at(7));
        assert_eq!(progress.stalled(at(7)), None, "it runs again");
    }

    #[test]
    fn address_without_answers_stops_the_heartbeat() {
        let (progress, at) = begun(Arc::new(|| None));
        for second in 1..=10 {
            progress.runtime_works(at(second));
            assert_eq!(progress.stalled(at(second)), None, "{second}");
        }
        progress.runtime_works(at(11));
        let stalled = progress.stalled(at(11)).expect("it does not answer");
        assert!(stalled.contains("cluster address for 11.0s"), "{stalled}");
    }

    #[test]
    fn stalled_committer_stops_the_heartbeat() {
        let (progress, at) = begun(Arc::new(|| Some("a committer".into())));
        assert_eq!(progress.stalled(at(1)).as_deref(), Some("a committer"));
    }

    /// A machine that sleeps, or a process that is stopped: nothing has run, and nothing hangs.
    #[test]
    fn node_gets_time_after_its_own_thread_stood_still() {
        let (progress, at) = begun(Arc::new(|| Some("a committer".into())));
        assert_eq!(progress.stalled(at(60)), None);
        assert_eq!(progress.stalled(at(63)), None);
        progress.runtime_works(at(66));
        assert_eq!(progress.stalled(at(66)).as_deref(), Some("a committer"));
        // The runtime has not come back.
        let (progress, at) = begun(Arc::new(|| None));
        assert_eq!(progress.stalled(at(60)), None);
        for second in 61..66 {
            assert_eq!(progress.stalled(at(second)), None, "{second}");
        }
        assert!(progress.stalled(at(66)).is_some());
    }
}
