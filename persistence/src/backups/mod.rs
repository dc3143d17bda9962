//! What backups and restores of all stores share: what a database has, what a restore has done, and
//! files that appear complete.

mod error;
mod file_time;
mod new_file;
mod report;
mod target;

pub use error::BackupError;
pub use file_time::file_time;
pub(crate) use new_file::{NewFile, folder_of, sync_folder};
pub use report::{DatabaseContents, Replaced, RestoreReport};
pub use target::free_path;
pub(crate) use target::{DatabaseFiles, check_target};
