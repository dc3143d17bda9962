//! Tests of the stores against real databases, in two parts.
//!
//! `conformance` holds one suite, written against the ports alone, that every store passes, and
//! what only one kind of store has. `outages` breaks a PostgreSQL server and the connections to it.

mod conformance;
mod fixture;
mod outages;
