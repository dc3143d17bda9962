//! What `fritzy journal verify` finds: the real binary on databases that a real node made, with
//! faults planted into copies by SQL statements.
//!
//! The tests are here and not in the gateway because only this crate contains SQL. The binary is
//! expected next to the test's, and built if it is missing.

mod journal_faults;
mod line_faults;
mod postgres_faults;
mod reference_faults;
mod state_faults;
mod unverifiable;
mod workspace;
