//! Databases for measurements, on a real PostgreSQL: what they are filled with is sound, and none is left behind.

mod scratch_database;
mod seed;
