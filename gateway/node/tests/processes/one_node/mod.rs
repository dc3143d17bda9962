//! One node: its start and its end, its commands, a full disk, full and closed outputs, failing
//! syncs, traced system calls.

mod backup_targets;
mod backups;
mod backwards;
mod copies;
mod damaged_file;
pub(crate) mod database;
mod database_files;
mod events_tail;
mod first_start;
mod full_disk;
pub(crate) mod killed;
mod large_responses;
mod log_sinks;
mod logs;
pub(crate) mod metric;
mod node_alone;
mod open_files;
mod other_shards;
mod postgres_backups;
mod refused_starts;
mod restores;
pub(crate) mod shop_clients;
mod signals;
mod small_disk;
mod stdout;
mod sync_faults;
mod temporary_files;
mod topic_changes;
mod trace;
pub(crate) mod traced;
mod vanished_file;
mod verify;
