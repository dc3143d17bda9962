//! The journal, its committer, the state rows and shard ownership, on SQLite, on PostgreSQL and in
//! memory.
//!
//! This crate holds all SQL of the project and no business rule: a batch is written as it was
//! decided, or rejected. Every store passes the suite in `tests/stores/conformance`, which uses the
//! ports alone.

mod adoption;
mod backoff;
mod backups;
mod committer;
mod continuity;
mod cursor_admin;
mod memory;
mod migrations;
mod open_error;
mod order_lists;
mod postgres;
mod read_ports;
mod rows;
mod sqlite;
mod stores;
mod tail;
mod verify;

pub use adoption::TopicAdoption;
pub use backups::{BackupError, DatabaseContents, Replaced, RestoreReport, file_time, free_path};
pub use committer::CommitterConfig;
pub use continuity::{LostRange, describe_lost};
pub use cursor_admin::{CursorAdmin, CursorAdminError, Published, ResetPosition, ShardLag};
pub use memory::{MemoryConfig, SharedMemoryStore};
pub use open_error::OpenError;
pub use postgres::{
    DatabaseUrl, PostgresConfig, PostgresError, PostgresRestore, Sharing, backup_postgres,
    migrate_postgres, raise_postgres_generation, restore_postgres, verify_postgres,
    without_password,
};
pub use sqlite::{
    ReadOnlyError, SqliteConfig, SqliteError, SqliteRestore, VerifyConfig, backup_sqlite,
    raise_sqlite_generation, restore_sqlite, verify_sqlite,
};
pub use stores::{Lost, Stores};
pub use tail::{CursorError, EventTail, TailCursor, TailError, TailFrom};
pub use verify::{Checked, Location, VerifyProgress, VerifyReport, Violation, ViolationKind};
