//! The stores in one SQLite file: one writer connection, held by the committer, and a few readers.

mod backend;
mod continuity;
mod cursor_table;
mod cursors;
mod error;
mod file_lock;
mod generations;
mod journal;
mod many_rows;
mod migrations;
mod open;
mod options;
mod ownership;
mod read_model;
mod read_only;
mod reader;
mod row;
mod save_cursors;
mod tail;
mod verify;
mod write;
mod write_states;

pub use error::{ReadOnlyError, SqliteError};
pub use options::SqliteConfig;
pub use verify::{VerifyConfig, verify_sqlite};
