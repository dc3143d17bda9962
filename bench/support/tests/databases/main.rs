//! Databases for measurements on a real PostgreSQL: generated rows keep all invariants, and no
//! database is left.

mod scratch_database;
mod seed;
