//! The journal, its committer, the state rows and the owners of shards, on SQLite and in memory.
//!
//! All SQL of the project is here, and no rule of the shop: a batch is written as it was decided, or
//! refused. Every store passes the suite in `tests/stores/conformance`, written against the ports alone.

mod backoff;
mod committer;
mod desk;
mod memory;
mod postgres;
mod rows;
mod sqlite;
mod stores;
mod tail;
mod verify;

pub use committer::CommitterConfig;
pub use desk::{CursorAdmin, CursorAdminError, ResetPosition, ShardLag};
pub use memory::{MemoryConfig, SharedMemoryStore};
pub use postgres::{PostgresConfig, PostgresError, Sharing, migrate_postgres, verify_postgres};
pub use sqlite::{OpenError, ReadOnlyError, SqliteConfig, VerifyConfig, verify_sqlite};
pub use stores::Stores;
pub use tail::{CursorError, EventTail, TailCursor, TailError, TailFrom};
pub use verify::{Checked, Place, VerifyProgress, VerifyReport, Violation, ViolationKind};
