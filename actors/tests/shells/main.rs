//! The shells on stores in memory: supervision, deadlines, keys, and placing orders.

mod faults;
mod fixtures;
mod idempotency;
mod life;
mod memory;
mod overload;
mod placing;
mod supervision;
