//! The load generator: who calls when (`pace`), the calling (`drive`), how calls end (`outcome`), and what is kept of
//! them (`recorder`). It knows neither HTTP nor shops: a [`Caller`] does.
//!
//! A **closed loop** keeps so many requests under way: whoever is answered sends the next one. It finds capacity, and
//! hides waiting: a server that stalls is simply asked less. An **open loop** sends at a constant rate, whatever is
//! answered, as many independent clients do. Each latency counts from the moment the schedule meant the request to be
//! sent, so a stall is seen by every request that was due in it: there is no coordinated omission
//! (<https://github.com/giltene/wrk2#acknowledgements>).

mod drive;
mod outcome;
mod pace;
mod plan;
mod recorder;

pub(crate) use drive::{Caller, drive};
pub(crate) use outcome::{Outcome, Refusal};
pub(crate) use pace::{Load, Pace, Pacer, Turn, Window};
pub(crate) use plan::{Measured, Plan};
pub(crate) use recorder::{Recorder, SharedRecorder};
