//! One node: its start and its end, its commands, a full disk, failing syncs, traced system calls.

mod backups;
mod backwards;
mod damaged_file;
pub(crate) mod database;
mod events_tail;
mod first_start;
mod full_disk;
pub(crate) mod killed;
mod large_responses;
mod logs;
mod postgres_backups;
mod refused_starts;
pub(crate) mod shop_clients;
mod signals;
mod stdout;
mod sync_faults;
mod temporary_files;
mod trace;
mod traced;
mod verify;
