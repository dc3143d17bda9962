//! The stores in one SQLite file: one writer connection, held by the committer, and a few readers.

mod backend;
mod backup;
mod before_opening;
mod contents;
mod continuity;
mod cursor_table;
mod cursors;
mod damage;
mod error;
mod file_lock;
mod generations;
mod journal;
mod leftover_log;
mod many_rows;
mod mark;
mod migrations;
mod open;
mod options;
mod ownership;
mod read_model;
mod read_only;
mod reader;
mod restore;
mod row;
mod save_cursors;
mod schema;
mod tail;
mod topic_bindings;
mod verify;
mod write;
mod write_states;

pub use backup::backup_sqlite;
pub use error::{ReadOnlyError, SqliteError};
pub use options::SqliteConfig;
pub use restore::{SqliteRestore, raise_sqlite_generation, restore_sqlite};
pub use verify::{VerifyConfig, verify_sqlite};
