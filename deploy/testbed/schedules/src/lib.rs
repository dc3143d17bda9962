//! Random schedules: faults of every kind on a real cluster, clients that meet at few entities, and
//! a judgement of everything that they have seen.
//!
//! A seed determines the schedule: which faults come when, and what the clients do. Processes and
//! networks are not deterministic, so a replay runs the same schedule again and may see something
//! else: it is tried several times. Nothing is forgiven that the system does not name itself: an
//! outcome that nobody knows stays unknown, and a promotion may lose exactly what its generation
//! says.

pub mod check;
mod client;
mod draw;
mod ending;
mod faults;
mod observation;
mod report;
mod run;
mod schedule;
mod shop;
mod shrink;

pub use draw::draw;
pub use observation::{Attempt, Change, Outcome, Quote, Request, View};
pub use report::{RunReport, table};
pub use run::run;
pub use schedule::{Schedule, TimedFault};
pub use shrink::shrink;
