//! A cluster of real nodes that can be broken in every way that a machine room can.
//!
//! Nodes are processes of the binary on a PostgreSQL server of their own. Each node's connections
//! to the database and to its peers go through proxies. Its log goes into a pipe, and its clock can
//! be wrong. A [`Fault`] is a value, so that schedules of faults can be drawn, written down and
//! replayed.
//!
//! It knows processes, never the shop: no account, product or order. Everything blocks, each wait
//! within a limit, and can be called from any thread that is not a runtime's.

mod clock;
mod cluster;
mod config;
mod database;
mod fault;
mod log_pipe;
mod node;
mod proxied;

pub use clock::{WrongClock, WrongClockLibrary};
pub use cluster::FaultCluster;
pub use config::{FaultConfig, Standby};
pub use fault::{Fault, FaultKind, Link};
pub use proxied::ProxiedSlot;
