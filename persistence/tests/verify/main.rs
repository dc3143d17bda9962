//! What `fritzy journal verify` finds: the real binary on databases that a real node made, with faults
//! planted into copies by statements of SQL.
//!
//! The tests are here and not in the gateway because statements are written in this crate only; the binary
//! is looked for beside the test, and built when it is not there.

mod cannot;
mod ground;
mod journal_faults;
mod postgres_faults;
mod state_faults;
