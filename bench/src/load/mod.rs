//! The load generator: when requests are sent (`pace`), the calls (`drive`), their outcomes
//! (`outcome`), and what is recorded (`recorder`). It knows neither HTTP nor shops: a [`Caller`]
//! does.
//!
//! A **closed loop** keeps a fixed number of requests in flight: each response triggers the next
//! request. It finds capacity but hides waiting: a server that stalls simply receives fewer
//! requests. An **open loop** sends at a constant rate, independent of responses, as many
//! independent clients do. Latency is measured from the time a request was due, so that every
//! request that was due in a stall shows it: there is no coordinated omission
//! (<https://github.com/giltene/wrk2#acknowledgements>).

mod drive;
mod outcome;
mod pace;
mod plan;
mod recorder;

pub(crate) use drive::{Caller, drive};
pub(crate) use outcome::{Outcome, Rejection};
pub(crate) use pace::{Load, Pace, Pacer, Turn, Window};
pub(crate) use plan::{Measurement, Plan};
pub(crate) use recorder::{Recorder, SharedRecorder};
