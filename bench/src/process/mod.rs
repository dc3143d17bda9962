//! Processes: servers that are started for a run and stopped after it, programs that run to their
//! end, CPU pinning, and resource usage.
//!
//! All Linux-specific code is here; other systems report it as missing.

mod affinity;
mod descriptors;
mod program;
mod server;
mod usage;

pub(crate) use affinity::{Cores, pin_this_thread, precise_sleeps};
pub(crate) use descriptors::raise_descriptor_limit;
pub(crate) use program::{Program, find_beside_postgres};
pub use server::ServerError;
pub(crate) use server::{Launch, ServerProcess, without_settings};
#[cfg(test)]
pub(crate) use usage::Usage;
pub(crate) use usage::{ProcessUsage, Role, WindowUsage, parent_of_same_program};
