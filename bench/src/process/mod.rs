//! Processes: servers that are started for a run and stopped after it, cores to pin them to, and what they use.
//!
//! All that is particular to Linux is here; elsewhere it is said to be missing.

mod affinity;
mod descriptors;
mod server;
mod usage;

pub(crate) use affinity::{Cores, pin_this_thread, precise_sleeps};
pub(crate) use descriptors::raise_descriptor_limit;
pub use server::ServerError;
pub(crate) use server::{Launch, ServerProcess, without_settings};
#[cfg(test)]
pub(crate) use usage::Usage;
pub(crate) use usage::{ProcessUsage, Role, WindowUsage};
