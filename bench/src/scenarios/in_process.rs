//! Load from callers that are tasks of this process.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError};
use std::thread::available_parallelism;

use crate::load::{Caller, Measurement, Pace, Pacer, Plan, Recorder, Window, drive};
use crate::process::{ProcessUsage, Role};

/// Runs `callers` according to the plan, in the window.
pub(super) async fn measure(
    callers: Vec<impl Caller>,
    plan: &Plan,
    window: Window,
    processes: &[(Role, u32)],
) -> Measurement {
    let pace = Arc::new(Pace::new(plan.load, &window));
    // One recorder per thread, so that callers seldom wait for the lock.
    let threads = available_parallelism().map_or(1, NonZeroUsize::get);
    let recorders: Vec<_> = (0..threads).map(|_| Recorder::shared(window)).collect();
    let _pacer = Pacer::start(&pace, plan.load.callers(), None);
    let (usage, ()) = tokio::join!(
        ProcessUsage::between(window.measured_from, window.measured_to, processes),
        drive(callers, &pace, &recorders, window.drained_by),
    );
    let mut whole = Recorder::new(window);
    for recorder in recorders {
        whole.merge(&recorder.lock().unwrap_or_else(PoisonError::into_inner));
    }
    Measurement {
        recorder: whole,
        unsent: pace.unsent(),
        usage,
        load: plan.load,
        extra_figures: BTreeMap::new(),
    }
}
